// A packed program: this, and the program behind it. It unpacks the program into memory that is a file and becomes it.
//
// Behind the program it leaves a copy of itself, because the program is to be sent to further machines as it came. The
// last 32 bytes say where that is. See PackedImage.swift.
//
// Made with -DAMT_SIZE (of the program), -DAMT_CODE_START and -DAMT_CODE_END (in it), -DAMT_CHECKSUM (of what is packed)
// and -DAMT_PACKED (its path).
#include "CAsyncMitogenPack.h"
#include "System.h"

// The whole file lies in memory as it is: one segment, see Packed.ld.
extern const uint8_t amt_file_start[], amt_file_end[], amt_packed_start[], amt_packed_end[];
__asm__(".section .packed, \"a\"\n.globl amt_packed_start, amt_packed_end\namt_packed_start:\n.incbin \"" AMT_PACKED
        "\"\namt_packed_end:\n.text\n");

#define FAILED 126

// Compilers make calls of these by themselves.
void *memset(void *target, int byte, size_t size) {
  for (volatile uint8_t *next = target; size > 0; size--) *next++ = (uint8_t)byte;
  return target;
}

void *memcpy(void *target, const void *source, size_t size) {
  volatile uint8_t *next = target;
  for (const uint8_t *from = source; size > 0; size--) *next++ = *from++;
  return target;
}

static size_t length(const char *text) {
  size_t count = 0;
  while (text[count]) count++;
  return count;
}

static int begins(const char *text, const char *beginning) {
  while (*beginning) {
    if (*text++ != *beginning++) return 0;
  }
  return 1;
}

_Noreturn static void fail(const char *reason, long error) {
  char line[160] = "packed program: ";
  size_t count = length(line);
  while (*reason && count < 140) line[count++] = *reason++;
  if (error) {
    const char *about = " (error ";
    while (*about) line[count++] = *about++;
    if (error >= 100) line[count++] = (char)('0' + error / 100 % 10);
    if (error >= 10) line[count++] = (char)('0' + error / 10 % 10);
    line[count++] = (char)('0' + error % 10);
    line[count++] = ')';
  }
  line[count++] = '\n';
  call(CALL_WRITE, 2, (long)line, (long)count, 0, 0, 0);
  for (;;) call(CALL_EXIT, FAILED, 0, 0, 0, 0, 0);
}

// A file that is cut off lies in memory only as far as it goes; the system says so if it is to read behind its end.
static void write_all(long file, const void *bytes, size_t size, size_t offset) {
  while (size > 0) {
    long count = call(CALL_PWRITE, file, (long)bytes, (long)size, (long)offset, 0, 0);
    if (count == -BAD_ADDRESS || count == 0) fail("its file is cut off", 0);
    if (count < 0) fail("there is no memory to unpack it into", -count);
    bytes = (const uint8_t *)bytes + count;
    size -= (size_t)count;
    offset += (size_t)count;
  }
}

static void unpack(uint8_t *program) {
  uint16_t probabilities[AMT_LZMA_PROBABILITIES];
  size_t size = (size_t)(amt_packed_end - amt_packed_start);
  if (amt_pack_checksum(amt_packed_start, size) != AMT_CHECKSUM) fail("its file is damaged", 0);
  if (amt_lzma_decode(amt_packed_start, size, program, AMT_SIZE, probabilities) != AMT_LZMA_DONE)
    fail("its file is damaged", 0);
  amt_filter_undo(program, AMT_SIZE, AMT_CODE_START, AMT_CODE_END, AMT_MACHINE);
}

// A shell that received the program executes it by a descriptor of its own, which nobody needs any more. Some shells let
// it end there, and its number is that of our file by now.
static void close_executed_descriptor(long count, char **words, const char *executed, long file) {
  static const char prefix[] = "/proc/self/fd/";
  if (count != 2 || !begins(words[1], "mitogen:") || !executed || !begins(executed, prefix)) return;
  long descriptor = 0;
  for (const char *digit = executed + sizeof prefix - 1; *digit; digit++) {
    if (*digit < '0' || *digit > '9' || descriptor > 100000) return;
    descriptor = descriptor * 10 + (*digit - '0');
  }
  if (descriptor > 2 && descriptor != file) call(CALL_CLOSE, descriptor, 0, 0, 0, 0, 0);
}

// The file of memory, as large as it will be.
static long make_file(size_t size) {
  // Newer systems are to be told that it will be executed, older ones do not know that.
  long file = call(CALL_MEMFD_CREATE, (long)"program", CLOSED_ON_EXEC_AND_SEALABLE | EXECUTABLE, 0, 0, 0, 0);
  if (file == -BAD_ARGUMENT)
    file = call(CALL_MEMFD_CREATE, (long)"program", CLOSED_ON_EXEC_AND_SEALABLE, 0, 0, 0, 0);
  if (file < 0) fail("the system allows no programs in memory (memfd_create): use an unpacked one", -file);
  // What is not there is found now, and not by a signal later. A system that cannot reserve is not asked twice.
  long error = call(CALL_FALLOCATE, file, 0, 0, (long)size, 0, 0);
  if (error == -12 || error == -28) fail("there is no memory to unpack it into", -error);
  return file;
}

__attribute__((used)) _Noreturn void amt_start(long *stack) {
  long count = stack[0];
  char **words = (char **)(stack + 1), **environment = words + count + 1;
  char **end = environment;
  while (*end) end++;
  const char *executed = NULL;
  for (long *facts = (long *)(end + 1); facts[0]; facts += 2) {
    if (facts[0] == EXECUTED_NAME) executed = (const char *)facts[1];
  }

  size_t own_size = (size_t)(amt_file_end - amt_file_start);
  struct {
    uint8_t mark[16];
    uint64_t start, size;
  } trailer = {AMT_PACKED_MARK, AMT_SIZE, own_size};
  long file = make_file(AMT_SIZE + own_size + sizeof trailer);
  write_all(file, amt_file_start, own_size, AMT_SIZE);
  write_all(file, &trailer, sizeof trailer, AMT_SIZE + own_size);
  long program = call(CALL_MMAP, 0, AMT_SIZE, READABLE_AND_WRITABLE, SHARED_AND_PRESENT, file, 0);
  if (program < 0 && program > -4096) fail("there is no memory to unpack it into", -program);
  unpack((uint8_t *)program);
  call(CALL_MUNMAP, program, AMT_SIZE, 0, 0, 0, 0);
  // Nobody changes a program that runs, or what it sends as itself. Where that cannot be had it is as with any file.
  call(CALL_FCNTL, file, ADD_SEALS, ALL_SEALS, 0, 0, 0);
  close_executed_descriptor(count, words, executed, file);
  long error = call(CALL_EXECVEAT, file, (long)"", (long)words, (long)environment, EMPTY_PATH, 0);
  fail("the system does not execute programs in memory (execveat): use an unpacked one", -error);
}
