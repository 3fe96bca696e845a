// What packing needs besides a compiler and xz. See Docs/ship.
#include "CAsyncMitogenPack.h"
#include "Program.h"

#include <stdio.h>
#include <string.h>

struct kept {
  int unwinding, names, numbers;
};

// Writes a program without what is not needed to run it, and a second time ready to be compressed. Prints its size, where
// its instructions begin and end, its machine type, and the linker's identifier.
static int thin(const char *input, const char *output, const char *filtered, struct kept kept) {
  struct program program = program_read(input);
  if (!kept.unwinding) program_drop_unwinding(&program);
  if (!kept.names) program_drop_names(&program);
  if (!kept.numbers) program_drop_numbers(&program);
  if (filtered && !program.build_id) give_up("has no build identifier: link it with --build-id", input);
  char identifier[129] = "-";
  for (size_t index = 0; index < program.build_id_size && index < 64; index++) {
    snprintf(identifier + 2 * index, 3, "%02x", program.build_id[index]);
  }
  program_strip(&program);
  program_write(&program, output);
  if (filtered) {
    amt_filter_apply(program.bytes, program.size, program.code_start, program.code_end, program.machine);
    program_write(&program, filtered);
  }
  printf(
    "%zu %zu %zu %d %s\n", program.size, program.code_start, program.code_end, program.machine, identifier);
  return 0;
}

static int print_checksum(const char *path) {
  FILE *file = fopen(path, "rb");
  static uint8_t bytes[1 << 27];
  if (!file) give_up("cannot be read", path);
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  if (size == sizeof bytes) give_up("is too large", path);
  printf("%u\n", amt_pack_checksum(bytes, size));
  return 0;
}

int main(int count, char **words) {
  if (count == 3 && !strcmp(words[1], "sum")) return print_checksum(words[2]);
  struct kept kept = {0};
  int next = 1;
  for (; next < count && words[next][0] == '-'; next++) {
    if (!strcmp(words[next], "--keep-unwinding")) {
      kept.unwinding = 1;
    } else if (!strcmp(words[next], "--keep-names")) {
      kept.names = 1;
    } else if (!strcmp(words[next], "--keep-numbers")) {
      kept.numbers = 1;
    } else {
      break;
    }
  }
  int left = count - next;
  if ((left == 3 || left == 4) && !strcmp(words[next], "thin"))
    return thin(words[next + 1], words[next + 2], left == 4 ? words[next + 3] : NULL, kept);
  fputs("usage: pack [--keep-unwinding] [--keep-names] [--keep-numbers] thin PROGRAM OUTPUT [FILTERED]\n       pack sum FILE\n", stderr);
  return 2;
}
