// A static program as a file in memory.
#ifndef AMT_PROGRAM_H
#define AMT_PROGRAM_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

struct program {
  uint8_t *bytes;
  size_t size;
  int machine;
  // Where its instructions are.
  size_t code_start, code_end;
  const uint8_t *build_id;
  size_t build_id_size;
};

// A part of the file that a section names; start is NULL if there is none of that name.
struct part {
  uint8_t *start;
  size_t size;
  uint64_t address;
};

// What the table of sections says; start is NULL if it is not in the file.
struct section {
  const char *name;
  struct part part;
  uint32_t type;
  uint64_t flags;
  // Of relocations: the number of the section that they belong to.
  uint32_t subject;
};

_Noreturn void give_up(const char *reason, const char *subject);

struct program program_read(const char *path);
void program_write(const struct program *program, const char *path);
struct part program_section(const struct program *program, const char *name);
size_t program_section_count(const struct program *program);
struct section program_section_at(const struct program *program, size_t index);
// What a symbol names whose name ends so; start is NULL if there is none, or it is not in the file.
struct part program_symbol(const struct program *program, const char *ending);
// Cuts off what is not loaded: symbols, comments, the table of sections.
void program_strip(struct program *program);
// Forgets how to unwind the stack through functions written in Swift. Returns how many they are.
size_t program_drop_unwinding(struct program *program);
// Forgets the names of Unicode's characters. Returns how many bytes they took.
size_t program_drop_names(struct program *program);
// Makes traps and zeros of what nothing in the program can reach, with vectors, Float16 and Float80 if only the standard
// library refers to them, unless they are to be kept. Returns how many bytes they are.
size_t program_drop_dead(struct program *program, int keeps_numbers);

#endif
