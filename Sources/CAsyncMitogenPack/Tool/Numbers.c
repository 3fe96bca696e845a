// The vectors (SIMD4<Float>) and the rarer floating-point numbers of Swift are half a megabyte of its run time, which every
// program holds because their protocols' tables are found by name. What of them no instruction of the program refers to,
// neither directly nor by what it refers to, becomes traps: they take no room once compressed. A program that refers to
// the types themselves keeps all of it.
#include "Program.h"

#include <stdlib.h>
#include <string.h>

enum state { foreign, candidate, needed };

struct symbol {
  uint64_t start, end;
  enum state state;
};

struct table {
  struct symbol *symbols;
  size_t count;
};

static int contains(const char *name, size_t size, const char *part) {
  size_t length = strlen(part);
  for (size_t start = 0; start + length <= size; start++) {
    if (!memcmp(name + start, part, length)) return 1;
  }
  return 0;
}

// Whether a name is of Swift's own module, and of these types.
static int is_candidate(const char *name, size_t limit) {
  size_t size = strnlen(name, limit);
  static const char *const beginnings[] = {"$ss", "$sS", "associated conformance s", "associated conformance S", "symbolic "};
  int is_ours = 0;
  for (size_t index = 0; index < sizeof beginnings / sizeof *beginnings; index++) {
    size_t length = strlen(beginnings[index]);
    is_ours |= size > length && !memcmp(name, beginnings[index], length);
  }
  if (!is_ours) return 0;
  return contains(name, size, "SIMD") || contains(name, size, "7Float80") || contains(name, size, "7Float16");
}

static int compare(const void *one, const void *other) {
  const struct symbol *first = one, *second = other;
  if (first->start != second->start) return first->start < second->start ? -1 : 1;
  return (int)first->state - (int)second->state;
}

// The functions, or the data; of several names of one address a foreign one counts. Sorted, and none of them overlaps.
static struct table find(const struct program *program, int type) {
  struct part symbols = program_section(program, ".symtab"), names = program_section(program, ".strtab");
  size_t total = symbols.size / sizeof(Elf64_Sym);
  struct table table = {calloc(total + 1, sizeof(struct symbol)), 0};
  if (!table.symbols) give_up("no memory", "symbols");
  for (size_t index = 0; index < total; index++) {
    Elf64_Sym symbol;
    memcpy(&symbol, symbols.start + index * sizeof symbol, sizeof symbol);
    if (ELF64_ST_TYPE(symbol.st_info) != type || symbol.st_name >= names.size || !symbol.st_size) continue;
    const char *name = (const char *)names.start + symbol.st_name;
    enum state state = is_candidate(name, names.size - symbol.st_name) ? candidate : foreign;
    table.symbols[table.count++] = (struct symbol){symbol.st_value, symbol.st_value + symbol.st_size, state};
  }
  qsort(table.symbols, table.count, sizeof *table.symbols, compare);
  size_t kept = 0;
  for (size_t index = 0; index < table.count; index++) {
    struct symbol symbol = table.symbols[index];
    if (kept && symbol.start < table.symbols[kept - 1].end) {
      // What overlaps is of one kind: foreign if any of it is.
      struct symbol *last = table.symbols + kept - 1;
      if (symbol.state == foreign) last->state = foreign;
      if (symbol.end > last->end) last->end = symbol.end;
    } else {
      table.symbols[kept++] = symbol;
    }
  }
  table.count = kept;
  return table;
}

static struct symbol *at(struct table table, uint64_t address) {
  size_t low = 0, high = table.count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (table.symbols[middle].end <= address) low = middle + 1;
    else high = middle;
  }
  return low < table.count && table.symbols[low].start <= address ? table.symbols + low : NULL;
}

// A symbol that begins there; NULL if none does.
static struct symbol *beginning(struct table table, uint64_t address) {
  struct symbol *symbol = at(table, address);
  return symbol && symbol->start == address ? symbol : NULL;
}

static void need(struct symbol *symbol, size_t *found) {
  if (!symbol || symbol->state != candidate) return;
  symbol->state = needed;
  ++*found;
}

// Whether 64 bits are loaded, or their address, from a place relative to the instruction.
static int is_load(const uint8_t *code) {
  return (code[0] & 0xfb) == 0x48 && (code[1] == 0x8d || code[1] == 0x8b) && (code[2] & 0xc7) == 0x05;
}

// Looks at every byte as the beginning of a call, a jump, or the load of an address: more is found than there is, and
// nothing is missed. Returns how often data of these types are referred to.
static size_t follow(struct part code, uint64_t start, uint64_t end, struct table functions, struct table data, size_t *found) {
  const uint8_t *bytes = code.start + (start - code.address);
  size_t count = 0;
  for (size_t offset = 0; end - start >= 5 && offset <= end - start - 5; offset++) {
    size_t length = 0, left = end - start - offset;
    int is_address = 0;
    if ((bytes[offset] & 0xfe) == 0xe8) length = 1;
    else if (left >= 6 && bytes[offset] == 0x0f && (bytes[offset + 1] & 0xf0) == 0x80) length = 2;
    else if (left >= 7 && is_load(bytes + offset)) length = 3, is_address = 1;
    if (!length || left < length + 4) continue;
    int32_t distance;
    memcpy(&distance, bytes + offset + length, sizeof distance);
    uint64_t target = start + offset + length + 4 + (uint64_t)(int64_t)distance;
    need(beginning(functions, target), found);
    struct symbol *datum = is_address ? at(data, target) : NULL;
    if (!datum || datum->state == foreign) continue;
    need(datum, found);
    count++;
  }
  return count;
}

// Looks for what data refer to, by addresses and by distances. Of a whole section, the data of these types count only if
// they are needed themselves.
static void follow_data(
  struct part part, uint64_t start, uint64_t end, int is_section, struct table functions, struct table data, size_t *found
) {
  for (uint64_t place = (start + 3) & ~(uint64_t)3; place + 4 <= end; place += 4) {
    const struct symbol *owner = is_section ? at(data, place) : NULL;
    if (owner && owner->state != foreign) continue;
    int32_t distance;
    memcpy(&distance, part.start + (place - part.address), sizeof distance);
    uint64_t target = place + (uint64_t)(int64_t)distance;
    if (distance) need(beginning(functions, target), found);
    if (distance && !is_section) need(at(data, target), found);
    uint64_t address;
    if (place % 8 || place + sizeof address > end) continue;
    memcpy(&address, part.start + (place - part.address), sizeof address);
    need(beginning(functions, address), found);
    if (!is_section) need(at(data, address), found);
  }
}

enum { part_count = 5 };

// What is needed refers to more that is needed.
static void follow_needed(
  struct part code, const struct part *parts, struct table functions, struct table data, size_t found
) {
  while (found) {
    found = 0;
    for (size_t index = 0; index < functions.count; index++) {
      struct symbol *symbol = functions.symbols + index;
      if (symbol->state != needed) continue;
      symbol->state = foreign;
      follow(code, symbol->start, symbol->end, functions, data, &found);
    }
    for (size_t index = 0; index < data.count; index++) {
      struct symbol *symbol = data.symbols + index;
      if (symbol->state != needed) continue;
      symbol->state = foreign;
      for (int number = 0; number < part_count; number++) {
        struct part part = parts[number];
        if (!part.start || symbol->start < part.address || symbol->end > part.address + part.size) continue;
        follow_data(part, symbol->start, symbol->end, 0, functions, data, &found);
      }
    }
  }
}

size_t program_drop_numbers(struct program *program) {
  struct part code = program_section(program, ".text");
  // Addresses are parts of several instructions elsewhere.
  if (program->machine != EM_X86_64 || !code.start) return 0;
  static const char *const names[part_count] = {".data", ".rodata", ".data.rel.ro", ".init_array", ".fini_array"};
  struct part parts[part_count];
  struct table functions = find(program, STT_FUNC), data = find(program, STT_OBJECT);
  size_t dropped = 0, found = 0, used = 0;
  for (int number = 0; number < part_count; number++) {
    struct part part = parts[number] = program_section(program, names[number]);
    if (part.start) follow_data(part, part.address, part.address + part.size, 1, functions, data, &found);
  }
  // All code that is not certainly one of them, what has no name included.
  uint64_t from = code.address, end = code.address + code.size;
  for (size_t index = 0; index <= functions.count && !used; index++) {
    struct symbol *next = index < functions.count ? functions.symbols + index : NULL;
    if (next && (next->state == foreign || next->start < from || next->end > end)) continue;
    used = follow(code, from, next ? next->start : end, functions, data, &found);
    if (next) from = next->end;
  }
  follow_needed(code, parts, functions, data, found);
  // A type that the program names can be used in ways that nothing here shows.
  for (size_t index = 0; index < functions.count && !used; index++) {
    const struct symbol *symbol = functions.symbols + index;
    if (symbol->state != candidate || symbol->start < code.address || symbol->end > end) continue;
    memset(code.start + (symbol->start - code.address), 0xcc, symbol->end - symbol->start);
    dropped += symbol->end - symbol->start;
  }
  free(functions.symbols);
  free(data.symbols);
  return dropped;
}
