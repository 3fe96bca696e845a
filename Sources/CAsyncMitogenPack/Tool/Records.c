// What the run time of Swift finds by going through tables: the conformance of a type to a protocol, and a type or
// protocol by its name. A record in one of them is no reason for what it names to stay.
#define _GNU_SOURCE
#include "Pieces.h"

#include <stdlib.h>
#include <string.h>

// The bytes at an address in the file; NULL if they are not there.
static uint8_t *bytes_at(const struct program *program, uint64_t address, size_t size) {
  for (size_t index = 0; index < program_section_count(program); index++) {
    struct section section = program_section_at(program, index);
    uint64_t offset = address - section.part.address;
    if (!section.part.start || !(section.flags & SHF_ALLOC) || offset >= section.part.size) continue;
    return size <= section.part.size - offset ? section.part.start + offset : NULL;
  }
  return NULL;
}

// What the distance at an address leads to, perhaps through another address; 0 if to nothing.
static uint64_t follow(const struct program *program, uint64_t place, int32_t distance, int is_indirect) {
  uint64_t address = place + (uint64_t)(int64_t)distance;
  if (!distance || !is_indirect) return distance ? address : 0;
  const uint8_t *bytes = bytes_at(program, address, sizeof address);
  if (!bytes) return 0;
  memcpy(&address, bytes, sizeof address);
  return address;
}

// Conformances to protocols and records of types have what is meant, or where its address is, in the lowest bits.
static uint64_t target_of(const struct program *program, struct part part, size_t offset) {
  int32_t distance;
  memcpy(&distance, part.start + offset, sizeof distance);
  return follow(program, part.address + offset, distance & ~3, distance & 1);
}

struct conformances records_conformances(const struct program *program, const struct pieces *pieces) {
  struct part part = program_section(program, "swift5_protocol_conformances");
  struct conformances found = {calloc(part.size / 4 + 1, sizeof(struct conformance)), 0};
  if (!found.list) give_up("no memory", "conformances");
  for (size_t offset = 0; offset + 4 <= part.size; offset += 4) {
    int32_t distance, words[4];
    memcpy(&distance, part.start + offset, sizeof distance);
    uint64_t address = part.address + offset + (uint64_t)(int64_t)distance;
    const uint8_t *bytes = bytes_at(program, address, sizeof words);
    struct conformance conformance = {.piece = piece_at(pieces, address)};
    if (!bytes || !conformance.piece) continue;
    // The protocol, the type, the table, and what the type is given by: 0 is its description, 1 is the address of that.
    memcpy(words, bytes, sizeof words);
    int kind = words[3] >> 3 & 7;
    conformance.protocol = piece_at(pieces, follow(program, address, words[0] & ~1, words[0] & 1));
    if (kind <= 1) conformance.type = piece_at(pieces, follow(program, address + 4, words[1], kind));
    found.list[found.count++] = conformance;
  }
  return found;
}

static const char *const named[] = {"swift5_type_metadata", "swift5_type_metadata_2", "swift5_protocols"};

static int contains(struct part part, uint64_t start, uint64_t end, const char *text, size_t length) {
  return part.start && memmem(part.start + (start - part.address), end - start, text, length);
}

// Whether some text in the program has the mangled name of a type or protocol: s6UInt128V of $ss6UInt128VMn. Names that
// belong to what is dead do not count.
static int is_named_in_text(const struct program *program, const struct pieces *pieces, const char *symbol) {
  static const char *const sections[] = {".rodata", ".data"};
  const char *name = symbol + 2;
  size_t length = strlen(symbol);
  if (length < 5) return 1;
  length -= 4;
  for (size_t index = 0; index < sizeof sections / sizeof *sections; index++) {
    struct part part = program_section(program, sections[index]);
    if (contains(part, part.address, part.address + part.size, name, length)) return 1;
  }
  struct part names = program_section(program, "swift5_typeref");
  for (size_t number = 1; number < pieces->count; number++) {
    const struct piece *piece = pieces->list + number;
    if (!piece->is_alive || piece->start - names.address >= names.size) continue;
    if (contains(names, piece->start, piece->end, name, length)) return 1;
  }
  return 0;
}

// Any type that does not come with Swift can be meant by a name that is given to the program.
size_t records_mark_named(const struct program *program, struct pieces *pieces) {
  size_t marked = 0;
  for (size_t index = 0; index < sizeof named / sizeof *named; index++) {
    struct part part = program_section(program, named[index]);
    for (size_t offset = 0; offset + 4 <= part.size; offset += 4) {
      uint64_t address = target_of(program, part, offset);
      struct piece *piece = pieces->list + piece_at(pieces, address);
      if (piece->is_alive || (offset && piece->is_of_library && !is_named_in_text(program, pieces, piece->name))) continue;
      piece->is_alive = 1;
      marked++;
    }
  }
  return marked;
}

// The first record is never dropped: see above, and in Dead.c.
static void drop(const struct program *program, const struct pieces *pieces, const char *name) {
  struct part part = program_section(program, name);
  int32_t last = 0;
  for (size_t offset = 0; offset + 4 <= part.size; offset += 4) {
    int32_t distance;
    memcpy(&distance, part.start + offset, sizeof distance);
    uint64_t address = part.address + offset + (uint64_t)(int64_t)(distance & ~3);
    // What is not direct lies where nothing is dropped.
    int is_alive = pieces->list[piece_at(pieces, target_of(program, part, offset))].is_alive &&
                   pieces->list[piece_at(pieces, address)].is_alive;
    if (!is_alive) {
      distance = last - 4;
      memcpy(part.start + offset, &distance, sizeof distance);
    }
    last = distance;
  }
}

void records_drop(const struct program *program, const struct pieces *pieces) {
  for (size_t index = 0; index < sizeof named / sizeof *named; index++) drop(program, pieces, named[index]);
  drop(program, pieces, "swift5_protocol_conformances");
}
