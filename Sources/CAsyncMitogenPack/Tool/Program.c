// Reads what a static program says of itself. It comes from our own linker, but what is not as expected is refused.
#include "Program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void give_up(const char *reason, const char *subject) {
  fprintf(stderr, "pack: %s: %s\n", subject, reason);
  exit(1);
}

// The place of `count` elements in the file.
static void *place(const struct program *program, uint64_t offset, uint64_t count, size_t size) {
  if (offset > program->size || count > (program->size - offset) / size) give_up("ends too early", "program");
  return program->bytes + offset;
}

static Elf64_Ehdr *header(const struct program *program) { return place(program, 0, 1, sizeof(Elf64_Ehdr)); }

static Elf64_Phdr *segments(const struct program *program) {
  return place(program, header(program)->e_phoff, header(program)->e_phnum, sizeof(Elf64_Phdr));
}

static Elf64_Shdr *sections(const struct program *program) {
  return place(program, header(program)->e_shoff, header(program)->e_shnum, sizeof(Elf64_Shdr));
}

size_t program_section_count(const struct program *program) { return header(program)->e_shnum; }

struct section program_section_at(const struct program *program, size_t index) {
  const Elf64_Ehdr *elf = header(program);
  const Elf64_Shdr *table = sections(program), *section = table + index;
  struct section result = {"", {0}, section->sh_type, section->sh_flags, section->sh_info};
  if (elf->e_shstrndx < elf->e_shnum) {
    const Elf64_Shdr *names = table + elf->e_shstrndx;
    const char *text = place(program, names->sh_offset, names->sh_size, 1);
    uint32_t start = section->sh_name;
    if (start < names->sh_size && memchr(text + start, 0, names->sh_size - start)) result.name = text + start;
  }
  if (section->sh_type != SHT_NOBITS)
    result.part = (struct part){
      place(program, section->sh_offset, section->sh_size, 1), section->sh_size, section->sh_addr};
  return result;
}

struct part program_section(const struct program *program, const char *name) {
  for (size_t index = 0; index < program_section_count(program); index++) {
    struct section section = program_section_at(program, index);
    if (section.part.start && !strcmp(section.name, name)) return section.part;
  }
  return (struct part){0};
}

struct part program_symbol(const struct program *program, const char *ending) {
  struct part symbols = program_section(program, ".symtab"), names = program_section(program, ".strtab");
  for (size_t at = 0; symbols.size - at >= sizeof(Elf64_Sym); at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    memcpy(&symbol, symbols.start + at, sizeof symbol);
    if (ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT || symbol.st_name >= names.size) continue;
    const char *name = (const char *)names.start + symbol.st_name;
    size_t length = strnlen(name, names.size - symbol.st_name), wanted = strlen(ending);
    if (length < wanted || memcmp(name + length - wanted, ending, wanted)) continue;
    for (int index = 0; index < header(program)->e_phnum; index++) {
      const Elf64_Phdr *segment = segments(program) + index;
      if (segment->p_type != PT_LOAD || symbol.st_value < segment->p_vaddr) continue;
      uint64_t offset = symbol.st_value - segment->p_vaddr;
      if (offset >= segment->p_filesz || symbol.st_size > segment->p_filesz - offset) continue;
      return (struct part){place(program, segment->p_offset + offset, symbol.st_size, 1), symbol.st_size, symbol.st_value};
    }
  }
  return (struct part){0};
}

static void find_code(struct program *program) {
  const Elf64_Shdr *table = sections(program);
  for (int index = 0; index < header(program)->e_shnum; index++) {
    const Elf64_Shdr *section = table + index;
    if (!(section->sh_flags & SHF_EXECINSTR) || section->sh_type == SHT_NOBITS || !section->sh_size) continue;
    place(program, section->sh_offset, section->sh_size, 1);
    size_t end = section->sh_offset + section->sh_size;
    if (!program->code_end || section->sh_offset < program->code_start) program->code_start = section->sh_offset;
    if (end > program->code_end) program->code_end = end;
  }
}

static void find_build_id(struct program *program) {
  struct part note = program_section(program, ".note.gnu.build-id");
  Elf64_Nhdr head;
  if (note.size < sizeof head + 4) return;
  memcpy(&head, note.start, sizeof head);
  if (head.n_namesz != 4 || head.n_descsz > note.size - sizeof head - 4) return;
  program->build_id = note.start + sizeof head + 4;
  program->build_id_size = head.n_descsz;
}

struct program program_read(const char *path) {
  struct program program = {0};
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) give_up("cannot be read", path);
  long size = ftell(file);
  // Addresses are packed as 32 bits.
  if (size <= 0 || size > 0x7fffffff) give_up("is no program of a size that can be packed", path);
  program.size = (size_t)size;
  program.bytes = malloc(program.size);
  rewind(file);
  if (!program.bytes || fread(program.bytes, 1, program.size, file) != program.size) give_up("cannot be read", path);
  fclose(file);
  const Elf64_Ehdr *elf = header(&program);
  if (memcmp(elf->e_ident, ELFMAG, SELFMAG) || elf->e_ident[EI_CLASS] != ELFCLASS64 ||
      elf->e_ident[EI_DATA] != ELFDATA2LSB || elf->e_phentsize != sizeof(Elf64_Phdr) ||
      (elf->e_shnum && elf->e_shentsize != sizeof(Elf64_Shdr)))
    give_up("is no program of 64 bits", path);
  program.machine = elf->e_machine;
  if (program.machine != EM_X86_64 && program.machine != EM_AARCH64) give_up("is for a machine not known here", path);
  for (int index = 0; index < elf->e_phnum; index++) {
    if (segments(&program)[index].p_type == PT_INTERP) give_up("needs a loader: build with -static-executable", path);
  }
  find_code(&program);
  find_build_id(&program);
  return program;
}

void program_write(const struct program *program, const char *path) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(program->bytes, 1, program->size, file) != program->size || fclose(file))
    give_up("cannot be written", path);
}

void program_strip(struct program *program) {
  Elf64_Ehdr *elf = header(program);
  size_t end = elf->e_phoff + (size_t)elf->e_phnum * sizeof(Elf64_Phdr);
  for (int index = 0; index < elf->e_phnum; index++) {
    const Elf64_Phdr *segment = segments(program) + index;
    if (segment->p_type != PT_LOAD || !segment->p_filesz) continue;
    place(program, segment->p_offset, segment->p_filesz, 1);
    if (segment->p_offset + segment->p_filesz > end) end = segment->p_offset + segment->p_filesz;
  }
  elf->e_shoff = 0;
  elf->e_shnum = 0;
  elf->e_shstrndx = 0;
  program->size = end;
}
