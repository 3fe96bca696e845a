// How to unwind the stack is a tenth of a program as it is sent, and nobody unwinds through functions of Swift and of its
// run time: its errors are results, and exceptions of C++ must not pass them. All others keep what they have, because
// threads of the C library end by unwinding, and C++ in a program may throw.
#include "Program.h"

#include <stdlib.h>
#include <string.h>

static uint32_t read_word(const uint8_t *bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

static void write_word(uint8_t *bytes, uint32_t word) { memcpy(bytes, &word, sizeof word); }

struct function {
  uint64_t address;
  int is_swift;
};

static int compare_functions(const void *one, const void *other) {
  const struct function *first = one, *second = other;
  if (first->address != second->address) return first->address < second->address ? -1 : 1;
  return first->is_swift - second->is_swift;
}

static int is_name_of_swift(const char *name, size_t limit) {
  static const char *const beginnings[] = {"$s", "swift_", "_swift_", "_ZN5swift", "_ZNK5swift"};
  for (size_t index = 0; index < sizeof beginnings / sizeof *beginnings; index++) {
    size_t length = strlen(beginnings[index]);
    if (length < limit && !memcmp(name, beginnings[index], length)) return 1;
  }
  return 0;
}

// Sorted; of several names of one address a foreign one comes first.
static struct function *find_functions(const struct program *program, size_t *count) {
  struct part symbols = program_section(program, ".symtab"), names = program_section(program, ".strtab");
  size_t total = symbols.size / sizeof(Elf64_Sym);
  struct function *functions = calloc(total + 1, sizeof *functions);
  if (!functions) give_up("no memory", "symbols");
  *count = 0;
  for (size_t index = 0; index < total; index++) {
    Elf64_Sym symbol;
    memcpy(&symbol, symbols.start + index * sizeof symbol, sizeof symbol);
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_name >= names.size) continue;
    const char *name = (const char *)names.start + symbol.st_name;
    int is_swift = is_name_of_swift(name, names.size - symbol.st_name);
    functions[(*count)++] = (struct function){symbol.st_value, is_swift};
  }
  qsort(functions, *count, sizeof *functions, compare_functions);
  return functions;
}

// Swift leaves many functions without a name, among its others.
static int is_swift(const struct function *functions, size_t count, uint64_t address) {
  size_t low = 0, high = count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (functions[middle].address < address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low < count && functions[low].address == address) return functions[low].is_swift;
  return low > 0 && functions[low - 1].is_swift;
}

// The table from which entries are found is sorted by the functions' addresses. Those that stay move up.
static size_t drop_from_table(
  struct part table, struct part frames, const struct function *functions, size_t count, uint8_t *is_dropped
) {
  size_t entries = read_word(table.start + 8), kept = 0;
  if (entries > (table.size - 12) / 8) give_up("is longer than its section", ".eh_frame_hdr");
  for (size_t index = 0; index < entries; index++) {
    uint8_t *entry = table.start + 12 + index * 8;
    // Both are distances from the table.
    uint64_t function = table.address + (uint64_t)(int64_t)(int32_t)read_word(entry);
    uint64_t frame = table.address + (uint64_t)(int64_t)(int32_t)read_word(entry + 4) - frames.address;
    if (frame < frames.size && is_swift(functions, count, function)) {
      is_dropped[frame] = 1;
    } else {
      memmove(table.start + 12 + kept++ * 8, entry, 8);
    }
  }
  write_word(table.start + 8, (uint32_t)kept);
  memset(table.start + 12 + kept * 8, 0, (entries - kept) * 8);
  return entries - kept;
}

// Entries that follow each other become one of zeros that whoever walks through all of them passes over: its second word,
// 0, says that it describes no function.
static void drop_frames(struct part frames, const uint8_t *is_dropped) {
  uint8_t *run = NULL;
  for (size_t at = 0; frames.size - at >= 8;) {
    uint32_t length = read_word(frames.start + at);
    if (!length) break;
    if (length > frames.size - at - 4) give_up("an entry is too long", ".eh_frame");
    uint8_t *entry = frames.start + at;
    at += 4 + (size_t)length;
    if (!is_dropped[entry - frames.start]) {
      run = NULL;
      continue;
    }
    if (!run) run = entry;
    memset(entry, 0, 4 + (size_t)length);
    write_word(run, (uint32_t)(frames.start + at - run - 4));
  }
}

size_t program_drop_unwinding(struct program *program) {
  struct part frames = program_section(program, ".eh_frame"), table = program_section(program, ".eh_frame_hdr");
  // Version 1, and the only encodings that linkers use: distances of 32 bits from the field, a count, and distances from
  // the table.
  static const uint8_t expected[4] = {1, 0x1b, 0x03, 0x3b};
  if (!frames.start || table.size < 12 || memcmp(table.start, expected, sizeof expected)) return 0;
  size_t count;
  struct function *functions = find_functions(program, &count);
  uint8_t *is_dropped = calloc(frames.size, 1);
  if (!is_dropped) give_up("no memory", ".eh_frame");
  size_t dropped = drop_from_table(table, frames, functions, count, is_dropped);
  drop_frames(frames, is_dropped);
  free(is_dropped);
  free(functions);
  return dropped;
}
