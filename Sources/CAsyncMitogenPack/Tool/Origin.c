// Where something in a program comes from, which its name says: Swift's compiler writes into it which module it belongs to.
#define _GNU_SOURCE
#include "Pieces.h"

#include <stdlib.h>
#include <string.h>

// Besides Swift itself, a module whose names begin with it.
static const char library[] = "15Synchronization";

enum { module_limit = 4096 };

static int has_prefix(const char *name, const char *prefix) { return !strncmp(name, prefix, strlen(prefix)); }

// Of Swift's compiler, or of the run time, whose functions are compiled C++: they are entered at their beginning. Those of
// the C library are not all, and stay.
int is_of_swift(const char *name) {
  static const char *const beginnings[] = {
    "$s", "symbolic ", "associated conformance ", "default associated conformance", "got.", "get_type_metadata ",
    "__unnamed_", "objectdestroy", "block_copy_helper", "block_destroy_helper", "__swift_", "swift_", "_swift_",
    "_ZN5swift", "_ZNK5swift", "_ZZN5swift", "_ZL", "_ZN12_GLOBAL__N_1", "_ZNK12_GLOBAL__N_1"};
  for (size_t index = 0; index < sizeof beginnings / sizeof *beginnings; index++) {
    if (has_prefix(name, beginnings[index])) return 1;
  }
  return 0;
}

// How a type is spelled, which every module has for itself that needs it; what is in the name is in the type.
static int is_spelling(const char *name) {
  return has_prefix(name, "symbolic ") || has_prefix(name, "associated conformance ") || has_prefix(name, "got.$s");
}

// The module that a name begins with, as it is spelled there: 4Main of $s4MainMXM; 0 if it begins with something else.
static size_t module_length(const char *name) {
  if (!has_prefix(name, "$s") || name[2] < '1' || name[2] > '9' || has_prefix(name + 2, library)) return 0;
  // Associated types and their conformances are named before their protocol.
  const char *ending = name + strlen(name) - 2;
  if (ending[0] == 'T' && strchr("lnbLq", ending[1])) return 0;
  char *identifier;
  size_t length = strtoul(name + 2, &identifier, 10);
  return length <= strlen(identifier) ? (size_t)(identifier - name - 2) + length : 0;
}

struct modules modules_find(const struct program *program) {
  struct part symbols = program_section(program, ".symtab"), names = program_section(program, ".strtab");
  struct modules modules = {calloc(module_limit, sizeof(struct module)), 0};
  if (!modules.names) give_up("no memory", "modules");
  for (size_t at = 0; symbols.size - at >= sizeof(Elf64_Sym); at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    memcpy(&symbol, symbols.start + at, sizeof symbol);
    if (symbol.st_name >= names.size) continue;
    const char *name = (const char *)names.start + symbol.st_name;
    struct module module = {name + 2, module_length(name)};
    size_t index = 0;
    while (index < modules.count && (modules.names[index].length != module.length ||
                                     memcmp(modules.names[index].start, module.start, module.length)))
      index++;
    if (!module.length || index < modules.count) continue;
    if (modules.count == module_limit) give_up("has too many modules", "program");
    modules.names[modules.count++] = module;
  }
  return modules;
}

int is_of_library(const char *name, const struct modules *modules) {
  if (is_spelling(name)) return 1;
  if (!has_prefix(name, "$ss") && !has_prefix(name, "$sS") && (!has_prefix(name, "$s") || !has_prefix(name + 2, library)))
    return 0;
  // An extension in another module, or a function made for one of its types.
  for (size_t index = 0; index < modules->count; index++) {
    if (memmem(name, strlen(name), modules->names[index].start, modules->names[index].length)) return 0;
  }
  return 1;
}

int is_of_numbers(const char *name) { return strstr(name, "SIMD") || strstr(name, "7Float80") || strstr(name, "7Float16"); }
