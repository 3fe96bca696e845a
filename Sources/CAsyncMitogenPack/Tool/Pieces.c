// Divides a program into pieces. Symbols that overlap are one piece: a reference to any of it keeps all of it. What lies
// between symbols is a piece too, which refers to others like any other, but is not dropped if it holds data: nothing
// says where one of them ends and the next begins.
#include "Pieces.h"

#include <stdlib.h>
#include <string.h>

enum content content_of(const char *section) {
  static const struct {
    const char *name;
    enum content content;
  } known[] = {
    {".text", content_code},
    {".rodata", content_data},
    {".data", content_data},
    {".data.rel.ro", content_data},
    {"swift5_fieldmd", content_data},
    {"swift5_typeref", content_strings},
    {"swift5_reflstr", content_strings},
    {"swift5_protocols", content_records},
    {"swift5_protocol_conformances", content_records},
    {"swift5_type_metadata", content_records},
    {"swift5_type_metadata_2", content_records},
    {"swift5_assocty", content_unread},
    {"swift5_builtin", content_unread},
    {"swift5_capture", content_unread},
    {"swift5_mpenum", content_unread},
    {".swift_modhash", content_unread},
  };
  for (size_t index = 0; index < sizeof known / sizeof *known; index++) {
    if (!strcmp(section, known[index].name)) return known[index].content;
  }
  return content_unknown;
}

void list_add(struct list *list, uint64_t item) {
  if (list->count == list->room) {
    list->room = list->room ? 2 * list->room : 4096;
    list->items = realloc(list->items, list->room * sizeof *list->items);
    if (!list->items) give_up("no memory", "references");
  }
  list->items[list->count++] = item;
}

static int compare(const void *one, const void *other) {
  const struct piece *first = one, *second = other;
  if (first->start != second->start) return first->start < second->start ? -1 : 1;
  if (first->end != second->end) return first->end > second->end ? -1 : 1;
  return first->name && second->name ? strcmp(first->name, second->name) : 0;
}

// What symbols of one section name.
static struct pieces find_named(const struct program *program, struct part part, const struct modules *modules) {
  struct part symbols = program_section(program, ".symtab"), names = program_section(program, ".strtab");
  size_t total = symbols.size / sizeof(Elf64_Sym);
  struct pieces found = {calloc(total + 1, sizeof(struct piece)), 0};
  if (!found.list) give_up("no memory", "symbols");
  for (size_t index = 0; index < total; index++) {
    Elf64_Sym symbol;
    memcpy(&symbol, symbols.start + index * sizeof symbol, sizeof symbol);
    int type = ELF64_ST_TYPE(symbol.st_info);
    if (type == STT_SECTION || type == STT_FILE || type == STT_TLS || !symbol.st_size) continue;
    if (symbol.st_name >= names.size || symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= SHN_LORESERVE) continue;
    uint64_t offset = symbol.st_value - part.address;
    if (offset >= part.size || symbol.st_size > part.size - offset) continue;
    const char *name = (const char *)names.start + symbol.st_name;
    uint8_t is_library = (uint8_t)is_of_library(name, modules);
    found.list[found.count++] = (struct piece){
      .start = symbol.st_value,
      .end = symbol.st_value + symbol.st_size,
      .name = name,
      .is_swift = (uint8_t)is_of_swift(name),
      .is_of_library = is_library,
      .is_of_numbers = is_library && is_of_numbers(name),
      .is_local = ELF64_ST_BIND(symbol.st_info) == STB_LOCAL};
  }
  return found;
}

// Sorts, and makes one of what overlaps.
static void merge(struct pieces *pieces) {
  qsort(pieces->list, pieces->count, sizeof *pieces->list, compare);
  size_t kept = 0;
  for (size_t index = 0; index < pieces->count; index++) {
    struct piece piece = pieces->list[index], *last = kept ? pieces->list + kept - 1 : NULL;
    if (!last || piece.start >= last->end) {
      pieces->list[kept++] = piece;
      continue;
    }
    // Swift's names for a part of an object have the size of the whole: they do not make it longer.
    int is_part = last->is_swift && piece.is_swift && piece.start > last->start;
    if (piece.end > last->end && !is_part) last->end = piece.end;
    last->is_swift &= piece.is_swift;
    last->is_local |= piece.is_local;
  }
  pieces->count = kept;
}

static void add(struct pieces *pieces, size_t *room, struct piece piece) {
  if (pieces->count == *room) {
    *room *= 2;
    pieces->list = realloc(pieces->list, *room * sizeof *pieces->list);
    if (!pieces->list) give_up("no memory", "pieces");
  }
  pieces->list[pieces->count++] = piece;
}

// The pieces of a section, and those between them.
static void add_section(
  struct pieces *pieces, size_t *room, struct part part, struct pieces named, enum content content
) {
  uint64_t at = part.address, end = part.address + part.size;
  for (size_t index = 0; index <= named.count; index++) {
    int is_last = index == named.count;
    uint64_t next = is_last ? end : named.list[index].start;
    if (content == content_strings && index && next > at) {
      // A string without a name of its own goes on to the next one.
      pieces->list[pieces->count - 1].end = next;
    } else if (next > at) {
      // Between functions of Swift there is nothing but functions of Swift, and padding.
      int is_swift =
        content == content_code && index && !is_last && named.list[index - 1].is_swift && named.list[index].is_swift;
      add(pieces, room, (struct piece){.start = at, .end = next, .is_swift = (uint8_t)is_swift,
                                       .is_code = content == content_code});
    }
    if (is_last) break;
    named.list[index].is_code = content == content_code;
    add(pieces, room, named.list[index]);
    at = named.list[index].end;
  }
}

static int compare_pieces(const void *one, const void *other) {
  const struct piece *first = one, *second = other;
  return first->start < second->start ? -1 : first->start > second->start;
}

struct pieces pieces_find(const struct program *program, const struct list *beginnings) {
  size_t room = 4096;
  struct modules modules = modules_find(program);
  struct pieces pieces = {malloc(room * sizeof(struct piece)), 0};
  if (!pieces.list) give_up("no memory", "pieces");
  add(&pieces, &room, (struct piece){.is_alive = 1});
  for (size_t index = 0; index < program_section_count(program); index++) {
    struct section section = program_section_at(program, index);
    enum content content = content_of(section.name);
    if (!section.part.start || !(section.flags & SHF_ALLOC)) continue;
    if (content != content_code && content != content_data && content != content_strings) continue;
    struct pieces named = find_named(program, section.part, &modules);
    if (content == content_strings) {
      named.list = realloc(named.list, (named.count + beginnings->count + 1) * sizeof *named.list);
      if (!named.list) give_up("no memory", "strings");
      for (size_t number = 0; number < beginnings->count; number++) {
        uint64_t start = beginnings->items[number];
        if (start - section.part.address >= section.part.size) continue;
        named.list[named.count++] = (struct piece){.start = start, .end = start + 1, .is_swift = 1};
      }
    }
    merge(&named);
    add_section(&pieces, &room, section.part, named, content);
    free(named.list);
  }
  free(modules.names);
  qsort(pieces.list, pieces.count, sizeof *pieces.list, compare_pieces);
  return pieces;
}

uint32_t piece_at(const struct pieces *pieces, uint64_t address) {
  size_t low = 1, high = pieces->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (pieces->list[middle].end <= address) low = middle + 1;
    else high = middle;
  }
  return low < pieces->count && pieces->list[low].start <= address ? (uint32_t)low : 0;
}
