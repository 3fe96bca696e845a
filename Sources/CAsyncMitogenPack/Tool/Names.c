// The names of Unicode's characters ("LATIN SMALL LETTER A") are half a megabyte of the run time of Swift, in tables that
// every program holds because they lie beside others. Only Unicode.Scalar.Properties.name reads them. The table that is
// read first can say that a block of characters has no names: it says so of all of them, and `name` is nil.
#include "Program.h"

#include <string.h>

size_t program_drop_names(struct program *program) {
  static const char *const tables[] = {
    "_swift_stdlib_names", "_swift_stdlib_names_scalars", "_swift_stdlib_words", "_swift_stdlib_word_indices"};
  enum { count = sizeof tables / sizeof *tables };
  struct part blocks = program_symbol(program, "_swift_stdlib_names_scalar_sets"), parts[count];
  if (!blocks.start) return 0;
  // All or nothing: another run time may have other tables.
  for (int index = 0; index < count; index++) {
    parts[index] = program_symbol(program, tables[index]);
    if (!parts[index].start) return 0;
  }
  size_t dropped = blocks.size;
  memset(blocks.start, 0xff, blocks.size);
  for (int index = 0; index < count; index++) {
    memset(parts[index].start, 0, parts[index].size);
    dropped += parts[index].size;
  }
  return dropped;
}
