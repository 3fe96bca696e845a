// A program as pieces that refer to each other: what a symbol names, and what lies between.
#ifndef AMT_PIECES_H
#define AMT_PIECES_H

#include "Program.h"

struct piece {
  uint64_t start, end;
  // The name of what begins it; NULL if nothing does.
  const char *name;
  // Whether all that is in it comes from Swift's compiler or run time: only that is ever dropped.
  uint8_t is_swift;
  // Whether one of its symbols is local: what is in the same section may refer to it without a relocation.
  uint8_t is_local;
  // Whether it is a part of Swift's own modules, and there of the vectors and rarer floating-point numbers.
  uint8_t is_of_library, is_of_numbers;
  uint8_t is_code, is_alive;
};

// Sorted by address. The first is everywhere else: it is always alive, and so is what it refers to.
struct pieces {
  struct piece *list;
  size_t count;
};

// A list that grows.
struct list {
  uint64_t *items;
  size_t count, room;
};

void list_add(struct list *list, uint64_t item);

// References by number: what piece p refers to is targets[first[p]] to targets[first[p + 1] - 1].
struct references {
  uint32_t *first, *targets;
  // The pieces outside of Swift's own modules that name vectors, Float16 or Float80.
  struct list uses;
};

enum content {
  // Nothing is known: it belongs to the piece that is everywhere else.
  content_unknown,
  content_code,
  content_data,
  // Data that are referred to by their beginnings only.
  content_strings,
  // What the run time goes through to find something: no reason for anything in it to stay.
  content_records,
  // What only debuggers read.
  content_unread,
};

// What is in a section, by its name.
enum content content_of(const char *section);

// A module other than Swift's, as names spell it.
struct module {
  const char *start;
  size_t length;
};

struct modules {
  struct module *names;
  size_t count;
};

struct modules modules_find(const struct program *program);
// Of Swift's compiler or run time.
int is_of_swift(const char *name);
// Of a module that comes with Swift, and nothing else; and there of the vectors and rarer numbers.
int is_of_library(const char *name, const struct modules *modules);
int is_of_numbers(const char *name);

// `beginnings` are where strings begin.
struct pieces pieces_find(const struct program *program, const struct list *beginnings);
// The number of the piece that holds an address.
uint32_t piece_at(const struct pieces *pieces, uint64_t address);

// The places in strings that relocations name.
struct list references_beginnings(const struct program *program);
// Whether the program says of all its references where they are.
int references_are_known(const struct program *program);
struct references references_find(const struct program *program, const struct pieces *pieces);

// A type that conforms to a protocol: it is found at run time if both exist.
struct conformance {
  uint32_t piece, type, protocol;
};

struct conformances {
  struct conformance *list;
  size_t count;
};

struct conformances records_conformances(const struct program *program, const struct pieces *pieces);
// Brings to life what the run time can find by a name, given what lives. Returns how many pieces.
size_t records_mark_named(const struct program *program, struct pieces *pieces);
// Lets every record of something dead be the same as the one before it.
void records_drop(const struct program *program, const struct pieces *pieces);

#endif
