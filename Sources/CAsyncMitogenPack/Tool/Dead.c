// Drops what nothing in the program can reach. Three quarters of a program are libraries, of which the linker takes all or
// nothing: the standard library is one section, and tables hold it together that the run time searches. Here a
// function or an object lives if something that lives refers to it; a conformance of a type to a protocol lives
// if both do. All that does not come from Swift lives, and all types of modules other than Swift's, because programs find
// types by name. What is dead becomes traps and zeros: nothing moves, and once compressed they take no room.
#include "Pieces.h"

#include <stdlib.h>
#include <string.h>

struct search {
  struct pieces *pieces;
  struct references references;
  // What lives and has not been followed yet.
  uint32_t *waiting;
  size_t count;
  // Whether the standard library's references to the tables of rarer numbers count.
  int counts_numbers;
};

static void mark(struct search *search, uint32_t number) {
  if (search->pieces->list[number].is_alive) return;
  search->pieces->list[number].is_alive = 1;
  search->waiting[search->count++] = number;
}

static void follow(struct search *search) {
  const struct piece *list = search->pieces->list;
  while (search->count) {
    uint32_t number = search->waiting[--search->count];
    for (uint32_t at = search->references.first[number]; at < search->references.first[number + 1]; at++) {
      const struct piece *target = list + search->references.targets[at];
      if (!search->counts_numbers && list[number].is_of_library && target->is_of_numbers && !target->is_code) continue;
      mark(search, search->references.targets[at]);
    }
  }
}

// Whether anything but the standard library refers to vectors, Float16 or Float80.
static int uses_numbers(const struct search *search) {
  for (size_t index = 0; index < search->references.uses.count; index++) {
    if (search->pieces->list[search->references.uses.items[index]].is_alive) return 1;
  }
  return 0;
}

// Everything that lives already is to be followed.
static void begin(struct search *search) {
  search->count = 0;
  for (uint32_t number = 0; number < search->pieces->count; number++) {
    if (search->pieces->list[number].is_alive) search->waiting[search->count++] = number;
  }
  follow(search);
}

// Whether a conformance has come to life.
static int mark_conformances(struct search *search, struct conformances conformances) {
  const struct piece *list = search->pieces->list;
  int is_any = 0;
  for (size_t index = 0; index < conformances.count; index++) {
    struct conformance conformance = conformances.list[index];
    // What cannot be told, piece 0, lives.
    int is_found = list[conformance.type].is_alive && list[conformance.protocol].is_alive;
    if (list[conformance.piece].is_alive || (index && !is_found)) continue;
    mark(search, conformance.piece);
    is_any = 1;
  }
  follow(search);
  return is_any;
}

static void find_living(const struct program *program, struct pieces *pieces, int keeps_numbers) {
  struct search search = {
    .pieces = pieces,
    .references = references_find(program, pieces),
    .waiting = calloc(pieces->count + 1, sizeof(uint32_t)),
    .counts_numbers = keeps_numbers};
  struct conformances conformances = records_conformances(program, pieces);
  if (!search.waiting) give_up("no memory", "pieces");
  for (uint32_t number = 1; number < pieces->count; number++) {
    struct piece *piece = pieces->list + number;
    if (!piece->is_swift && (piece->name || piece->is_code)) piece->is_alive = 1;
  }
  for (;;) {
    do {
      begin(&search);
      while (mark_conformances(&search, conformances)) continue;
    } while (records_mark_named(program, pieces));
    // The library's number conversions name the rarer ones for the case that they are given one. Nobody makes one if
    // nobody else names them.
    if (search.counts_numbers || !uses_numbers(&search)) break;
    search.counts_numbers = 1;
  }
  free(conformances.list);
  free(search.waiting);
  free(search.references.first);
  free(search.references.targets);
  free(search.references.uses.items);
}

static size_t drop_pieces(struct part part, const struct pieces *pieces, enum content content) {
  size_t dropped = 0;
  for (uint32_t number = 1; number < pieces->count; number++) {
    const struct piece *piece = pieces->list + number;
    uint64_t offset = piece->start - part.address;
    if (piece->is_alive || !piece->is_swift || offset >= part.size) continue;
    memset(part.start + offset, content == content_code ? 0xcc : 0, piece->end - piece->start);
    dropped += piece->end - piece->start;
  }
  return dropped;
}

size_t program_drop_dead(struct program *program, int keeps_numbers) {
  if (!references_are_known(program)) return 0;
  struct list beginnings = references_beginnings(program);
  struct pieces pieces = pieces_find(program, &beginnings);
  find_living(program, &pieces, keeps_numbers);
  // While everything is still there.
  records_drop(program, &pieces);
  size_t dropped = 0;
  for (size_t index = 0; index < program_section_count(program); index++) {
    struct section section = program_section_at(program, index);
    enum content content = content_of(section.name);
    if (!section.part.start || !(section.flags & SHF_ALLOC) || content == content_unknown) continue;
    if (content == content_unread) {
      memset(section.part.start, 0, section.part.size);
      dropped += section.part.size;
    } else if (content != content_records) {
      dropped += drop_pieces(section.part, &pieces, content);
    }
  }
  free(beginnings.items);
  free(pieces.list);
  return dropped;
}
