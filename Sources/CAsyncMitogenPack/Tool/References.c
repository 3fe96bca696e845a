// Finds what refers to what. A program linked with --emit-relocs says where all references between its sections are. Within
// a section the assembler has filled in those to local symbols, and they are searched: every byte of the code is
// looked at as the beginning of a call, a jump, or the load of an address, and every word of the data as a distance.
// More is found than there is, and nothing is missed.
#include "Pieces.h"

#include <stdlib.h>
#include <string.h>

struct relocation {
  uint64_t place;
  int64_t addend;
  uint32_t kind;
  Elf64_Sym symbol;
};

static struct relocation read_relocation(struct part relocations, struct part symbols, size_t index) {
  Elf64_Rela entry;
  struct relocation result = {0};
  memcpy(&entry, relocations.start + index * sizeof entry, sizeof entry);
  size_t symbol = ELF64_R_SYM(entry.r_info);
  if (symbol >= symbols.size / sizeof result.symbol) give_up("has no such symbol", "relocation");
  memcpy(&result.symbol, symbols.start + symbol * sizeof result.symbol, sizeof result.symbol);
  result.place = entry.r_offset;
  result.addend = entry.r_addend;
  result.kind = (uint32_t)ELF64_R_TYPE(entry.r_info);
  return result;
}

// The section that a table of relocations belongs to, if it is loaded; start is NULL if not.
static struct section subject_of(const struct program *program, struct section table) {
  struct section none = {0};
  if (table.type != SHT_RELA || table.flags & SHF_ALLOC || table.subject >= program_section_count(program)) return none;
  struct section subject = program_section_at(program, table.subject);
  return subject.flags & SHF_ALLOC ? subject : none;
}

static uint64_t address_of(struct relocation relocation) {
  return relocation.symbol.st_value + (uint64_t)relocation.addend;
}

// MARK: whether they are known

// Whether data hold what their relocation says.
static int is_filled_in(struct section subject, struct relocation relocation) {
  uint64_t offset = relocation.place - subject.part.address, value = address_of(relocation);
  int type = ELF64_ST_TYPE(relocation.symbol.st_info);
  if (type == STT_GNU_IFUNC || type == STT_TLS) return 1;
  // What is not defined, and need not be, is nowhere.
  if (relocation.symbol.st_shndx == SHN_UNDEF) return 1;
  size_t size = relocation.kind == R_X86_64_64 ? 8 : 4;
  if (offset > subject.part.size || size > subject.part.size - offset) return 0;
  if (relocation.kind == R_X86_64_PC32) value -= relocation.place;
  return !memcmp(subject.part.start + offset, &value, size);
}

static int is_expected(struct section subject, struct relocation relocation) {
  int is_code = (subject.flags & SHF_EXECINSTR) != 0;
  switch (relocation.kind) {
  case R_X86_64_NONE: return 1;
  case R_X86_64_64:
  case R_X86_64_PC32: return is_code || is_filled_in(subject, relocation);
  case R_X86_64_PLT32:
  case R_X86_64_GOTPCREL:
  case R_X86_64_GOTPCRELX:
  case R_X86_64_REX_GOTPCRELX:
  case R_X86_64_32:
  case R_X86_64_32S:
  case R_X86_64_TLSGD:
  case R_X86_64_TLSLD:
  case R_X86_64_DTPOFF32:
  case R_X86_64_GOTTPOFF:
  case R_X86_64_TPOFF32: return is_code;
  default: return 0;
  }
}

int references_are_known(const struct program *program) {
  Elf64_Ehdr elf;
  memcpy(&elf, program->bytes, sizeof elf);
  // A program that is moved when it starts holds no addresses yet; on aarch64 addresses are parts of several instructions.
  if (program->machine != EM_X86_64 || elf.e_type != ET_EXEC) return 0;
  struct part symbols = program_section(program, ".symtab");
  int has_code = 0, has_records = 0;
  for (size_t index = 0; index < program_section_count(program); index++) {
    struct section table = program_section_at(program, index), subject = subject_of(program, table);
    if (!subject.part.start) continue;
    has_code |= !strcmp(subject.name, ".text");
    has_records |= !strcmp(subject.name, "swift5_protocol_conformances");
    for (size_t number = 0; number < table.part.size / sizeof(Elf64_Rela); number++) {
      if (!is_expected(subject, read_relocation(table.part, symbols, number))) return 0;
    }
  }
  return has_code && has_records;
}

struct list references_beginnings(const struct program *program) {
  struct list found = {0};
  struct part symbols = program_section(program, ".symtab");
  for (size_t index = 0; index < program_section_count(program); index++) {
    struct section table = program_section_at(program, index), subject = subject_of(program, table);
    if (!subject.part.start) continue;
    int is_code = (subject.flags & SHF_EXECINSTR) != 0;
    for (size_t number = 0; number < table.part.size / sizeof(Elf64_Rela); number++) {
      struct relocation relocation = read_relocation(table.part, symbols, number);
      // What an instruction refers to is counted from its end.
      list_add(&found, address_of(relocation) + (is_code && relocation.kind == R_X86_64_PC32 ? 4 : 0));
    }
  }
  return found;
}

// MARK: finding them

struct finding {
  const struct program *program;
  const struct pieces *pieces;
  // Pairs: from piece, to piece.
  struct list pairs, uses;
};

static void refer(struct finding *finding, uint32_t from, uint64_t address) {
  uint32_t to = piece_at(finding->pieces, address);
  if (to && to != from) list_add(&finding->pairs, (uint64_t)from << 32 | to);
}

// An entry in a table of places to jump to within one function, which lies between other data. Whoever has the table is
// that function.
static int is_jump(const struct finding *finding, uint32_t from, struct relocation relocation) {
  const struct piece *source = finding->pieces->list + from;
  const struct piece *target = finding->pieces->list + piece_at(finding->pieces, address_of(relocation));
  return from && !source->name && !source->is_code && relocation.kind == R_X86_64_PC32 && target->is_code &&
         target->name && target->start != address_of(relocation);
}

static int is_absolute(uint32_t kind) { return kind == R_X86_64_64 || kind == R_X86_64_32 || kind == R_X86_64_32S; }

// `run` is where the distances began that this one follows.
static void add_relocation(struct finding *finding, int is_code, struct relocation relocation, uint64_t run) {
  // How far from the address in an instruction what it refers to can be: an operand of 1, 2 or 4 bytes may follow, and
  // loops count from before the first element, or from behind the last.
  static const int distances[] = {-16, -1, 1, 2, 4, 8, 16};
  uint32_t from = piece_at(finding->pieces, relocation.place);
  int type = ELF64_ST_TYPE(relocation.symbol.st_info);
  uint64_t address = address_of(relocation);
  if (type == STT_TLS) return;
  if (type != STT_SECTION) {
    const struct piece *list = finding->pieces->list, *named = list + piece_at(finding->pieces, relocation.symbol.st_value);
    if (named->is_of_numbers && !list[from].is_of_library) list_add(&finding->uses, from);
    refer(finding, from, relocation.symbol.st_value);
  }
  if (!is_code) {
    if (is_jump(finding, from, relocation)) return;
    refer(finding, from, address);
    // Distances that follow each other can be a table, counted from its beginning.
    const struct piece *source = finding->pieces->list + from;
    if (!from || type != STT_SECTION || relocation.kind != R_X86_64_PC32) return;
    if (source->name && strncmp(source->name, ".L", 2)) return;
    for (uint64_t back = 4; back <= relocation.place - run; back += 4) refer(finding, from, address - back);
    return;
  }
  // What an instruction refers to is mostly counted from its end.
  uint64_t base = is_absolute(relocation.kind) ? address : address + 4;
  refer(finding, from, base);
  if (type != STT_SECTION || finding->pieces->list[piece_at(finding->pieces, base)].is_code) return;
  for (size_t index = 0; index < sizeof distances / sizeof *distances; index++) {
    refer(finding, from, base + (uint64_t)(int64_t)distances[index]);
  }
}

static int32_t read_distance(const uint8_t *bytes) {
  int32_t distance;
  memcpy(&distance, bytes, sizeof distance);
  return distance;
}

// What is found by looking for it counts if something local begins there, or has no name.
static void guess(struct finding *finding, uint32_t from, uint64_t address) {
  uint32_t to = piece_at(finding->pieces, address);
  const struct piece *piece = finding->pieces->list + to;
  if (!to || to == from || (piece->name && (piece->start != address || !piece->is_local))) return;
  list_add(&finding->pairs, (uint64_t)from << 32 | to);
}

static void search_code(struct finding *finding, struct part part) {
  const uint8_t *code = part.start;
  uint64_t base = part.address;
  uint32_t from = 0;
  for (size_t at = 0; at < part.size; at++) {
    const struct piece *piece = finding->pieces->list + from;
    if (base + at < piece->start || base + at >= piece->end) from = piece_at(finding->pieces, base + at);
    size_t left = part.size - at, length = 0;
    // Short jumps.
    if (left >= 2 && (code[at] == 0xeb || (code[at] & 0xf0) == 0x70))
      guess(finding, from, base + at + 2 + (uint64_t)(int64_t)(int8_t)code[at + 1]);
    // Calls and jumps, conditional jumps, addresses.
    if ((code[at] & 0xfe) == 0xe8) length = 1;
    else if (left >= 2 && code[at] == 0x0f && (code[at + 1] & 0xf0) == 0x80) length = 2;
    else if (left >= 2 && code[at] == 0x8d && (code[at + 1] & 0xc7) == 0x05) length = 2;
    if (!length || left < length + 4) continue;
    uint64_t address = base + at + length + 4 + (uint64_t)(int64_t)read_distance(code + at + length);
    if (address - base < part.size) guess(finding, from, address);
  }
}

static void search_data(struct finding *finding, struct part part, const uint8_t *is_relocated) {
  for (uint64_t place = (part.address + 3) & ~(uint64_t)3; place + 4 <= part.address + part.size; place += 4) {
    const uint8_t *word = part.start + (place - part.address);
    int32_t distance = read_distance(word);
    uint64_t address = place + (uint64_t)(int64_t)distance;
    if (!distance || address - part.address >= part.size || is_relocated[word - finding->program->bytes]) continue;
    guess(finding, piece_at(finding->pieces, place), address);
  }
}

static int compare(const void *one, const void *other) {
  const uint64_t *first = one, *second = other;
  return *first < *second ? -1 : *first > *second;
}

// Sorted, and each once.
static struct references arrange(struct list pairs, size_t count) {
  struct references references = {calloc(count + 1, sizeof(uint32_t)), malloc((pairs.count + 1) * sizeof(uint32_t)), {0}};
  if (!references.first || !references.targets) give_up("no memory", "references");
  qsort(pairs.items, pairs.count, sizeof *pairs.items, compare);
  uint32_t kept = 0;
  size_t next = 0;
  for (size_t piece = 0; piece < count; piece++) {
    references.first[piece] = kept;
    for (; next < pairs.count && pairs.items[next] >> 32 == piece; next++) {
      if (!next || pairs.items[next] != pairs.items[next - 1]) references.targets[kept++] = (uint32_t)pairs.items[next];
    }
  }
  references.first[count] = kept;
  free(pairs.items);
  return references;
}

struct references references_find(const struct program *program, const struct pieces *pieces) {
  struct finding finding = {.program = program, .pieces = pieces};
  struct part symbols = program_section(program, ".symtab");
  uint8_t *is_relocated = calloc(program->size, 1);
  if (!is_relocated) give_up("no memory", "references");
  for (size_t index = 0; index < program_section_count(program); index++) {
    struct section table = program_section_at(program, index), subject = subject_of(program, table);
    if (!subject.part.start) continue;
    enum content content = content_of(subject.name);
    uint64_t run = 0, last = 0;
    for (size_t number = 0; number < table.part.size / sizeof(Elf64_Rela); number++) {
      struct relocation relocation = read_relocation(table.part, symbols, number);
      // Jumps are no part of it.
      uint32_t from = piece_at(pieces, relocation.place);
      if (relocation.place != last + 4 || pieces->list[from].start > last) run = relocation.place;
      last = is_jump(&finding, from, relocation) ? 0 : relocation.place;
      uint64_t offset = relocation.place - subject.part.address;
      if (offset < subject.part.size) is_relocated[subject.part.start - program->bytes + offset] = 1;
      if (content == content_records || content == content_unread) continue;
      add_relocation(&finding, (subject.flags & SHF_EXECINSTR) != 0, relocation, run);
    }
  }
  for (size_t index = 0; index < program_section_count(program); index++) {
    struct section section = program_section_at(program, index);
    if (!section.part.start || !(section.flags & SHF_ALLOC)) continue;
    enum content content = content_of(section.name);
    if (content == content_code) search_code(&finding, section.part);
    if (content == content_data || content == content_strings) search_data(&finding, section.part, is_relocated);
  }
  free(is_relocated);
  struct references references = arrange(finding.pairs, pieces->count);
  references.uses = finding.uses;
  return references;
}
