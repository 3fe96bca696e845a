// What packing needs besides a compiler and xz. See Docs/ship.
#include "CAsyncMitogenPack.h"
#include "Program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kept {
  int unwinding, names, numbers, dead;
};

// Writes a program without what is not needed to run it, and a second time ready to be compressed. Prints its size, where
// its instructions begin and end, its machine type, and the linker's identifier.
static int thin(const char *input, const char *output, const char *filtered, struct kept kept) {
  struct program program = program_read(input);
  if (!kept.unwinding) program_drop_unwinding(&program);
  if (!kept.names) program_drop_names(&program);
  if (!kept.dead) program_drop_dead(&program, kept.numbers);
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

static uint8_t *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  long end = file && !fseek(file, 0, SEEK_END) ? ftell(file) : -1;
  uint8_t *bytes = end < 0 || end > 0x7fffffff ? NULL : malloc((size_t)end + 1);
  if (!bytes) give_up("cannot be read", path);
  rewind(file);
  *size = fread(bytes, 1, (size_t)end, file);
  if (*size != (size_t)end) give_up("cannot be read", path);
  fclose(file);
  return bytes;
}

// Prints the digest as C has it.
static int print_digest(const char *path) {
  size_t size;
  const uint8_t *bytes = read_file(path, &size);
  struct amt_digest digest;
  uint8_t result[32];
  amt_digest_begin(&digest);
  amt_digest_take(&digest, bytes, size);
  amt_digest_end(&digest, result);
  for (int index = 0; index < 32; index++) printf("%s0x%02x", index ? "," : "{", result[index]);
  puts("}");
  return 0;
}

static int encode(const char *input, const char *output) {
  size_t size;
  const uint8_t *bytes = read_file(input, &size);
  uint8_t *packed = malloc(amt_fast_bound(size));
  size_t packed_size = packed ? amt_fast_encode(bytes, size, packed) : 0;
  if (!packed_size) give_up("there is no memory to pack it", input);
  FILE *file = fopen(output, "wb");
  if (!file || fwrite(packed, 1, packed_size, file) != packed_size || fclose(file)) give_up("cannot be written", output);
  return 0;
}

// Makes an unpacked program what the packed one makes of itself: with that behind it, so that it can be sent.
static int carry(const char *unpacked, const char *packed) {
  size_t start, size;
  free(read_file(unpacked, &start));
  uint8_t *bytes = read_file(packed, &size);
  struct {
    uint8_t mark[16];
    uint64_t start, size;
  } trailer = {AMT_PACKED_MARK, start, size};
  FILE *file = fopen(unpacked, "ab");
  if (!file || fwrite(bytes, 1, size, file) != size || fwrite(&trailer, 1, sizeof trailer, file) != sizeof trailer ||
      fclose(file))
    give_up("cannot be written", unpacked);
  free(bytes);
  return 0;
}

int main(int count, char **words) {
  if (count == 3 && !strcmp(words[1], "digest")) return print_digest(words[2]);
  if (count == 4 && !strcmp(words[1], "fast")) return encode(words[2], words[3]);
  if (count == 4 && !strcmp(words[1], "carry")) return carry(words[2], words[3]);
  struct kept kept = {0};
  int next = 1;
  for (; next < count && words[next][0] == '-'; next++) {
    if (!strcmp(words[next], "--keep-unwinding")) {
      kept.unwinding = 1;
    } else if (!strcmp(words[next], "--keep-names")) {
      kept.names = 1;
    } else if (!strcmp(words[next], "--keep-numbers")) {
      kept.numbers = 1;
    } else if (!strcmp(words[next], "--keep-dead")) {
      kept.dead = 1;
    } else {
      break;
    }
  }
  int left = count - next;
  if ((left == 3 || left == 4) && !strcmp(words[next], "thin"))
    return thin(words[next + 1], words[next + 2], left == 4 ? words[next + 3] : NULL, kept);
  fputs("usage: pack [--keep-unwinding] [--keep-names] [--keep-numbers] [--keep-dead] thin PROGRAM OUTPUT [FILTERED]\n       pack fast FILTERED OUTPUT\n       pack digest FILE\n       pack carry UNPACKED PACKED\n", stderr);
  return 2;
}
