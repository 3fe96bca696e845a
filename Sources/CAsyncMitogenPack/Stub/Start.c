// A packed program: this, and the program behind it. It unpacks the program into memory that is a file and becomes it.
//
// Behind the program it leaves a copy of itself, because the program is to be sent to further machines as it came. The
// last 32 bytes say where that is. See PackedTrailer.swift.
//
// When a first stage starts it, its file may hold no more than this part: then the rest comes on standard input. It is
// unpacked as it comes, and checked against the digest that this part has before it runs. See PackedLayout.swift.
//
// Made with -DAMT_SIZE (of the program), -DAMT_CODE_START and -DAMT_CODE_END (in it), -DAMT_DIGEST (of what is packed),
// -DAMT_PACKED (its path) and -DAMT_FAST (if it is in the fast format).
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

static int same(const char *text, const char *other) { return begins(text, other) && length(text) == length(other); }

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

// What is packed, on its way into the file of memory: from this file, or from standard input.
struct arrival {
  // Must be the first: it is all that decoders know.
  struct amt_source source;
  struct amt_digest digest;
  // Where it ends.
  const uint8_t *end;
  long file;
  int is_sent;
};

// How much is taken at once: what the processor's cache has room for.
enum { PIECE = 1 << 16 };

static size_t own_offset(const struct arrival *arrival) {
  return (size_t)(amt_packed_end - amt_file_start) - (size_t)(arrival->end - arrival->source.end);
}

static int take_more(struct amt_source *source) {
  struct arrival *arrival = (struct arrival *)source;
  size_t left = (size_t)(arrival->end - source->end), size = left < PIECE ? left : PIECE;
  if (!left) return 0;
  if (arrival->is_sent) {
    long count = call(CALL_READ, 0, (long)source->end, (long)size, 0, 0, 0);
    if (count <= 0) fail("it was cut off on its way", -count);
    size = (size_t)count;
  } else {
    write_all(arrival->file, amt_file_start + own_offset(arrival), size, AMT_SIZE + own_offset(arrival));
  }
  amt_digest_take(&arrival->digest, source->end, size);
  source->end += size;
  return 1;
}

static void unpack(uint8_t *program, long file, int is_sent) {
  const uint8_t *start = program + AMT_SIZE + (amt_packed_start - amt_file_start);
  struct arrival arrival = {
      .source = {.next = start, .end = start, .more = take_more},
      .end = start + (amt_packed_end - amt_packed_start), .file = file, .is_sent = is_sent};
  amt_digest_begin(&arrival.digest);
  // Nothing piles up from now on, so it may come faster. See UploadPace.swift.
  static const char reading[] = "MITOREADS\n";
  if (is_sent) call(CALL_WRITE, 1, (long)reading, sizeof reading - 1, 0, 0, 0);
#ifdef AMT_FAST
  enum amt_unpack_result result = amt_fast_decode(&arrival.source, program, AMT_SIZE);
#else
  uint16_t probabilities[AMT_LZMA_PROBABILITIES];
  enum amt_unpack_result result = amt_lzma_decode(&arrival.source, program, AMT_SIZE, probabilities);
#endif
  static const uint8_t expected[32] = AMT_DIGEST;
  uint8_t digest[32], difference = 0;
  amt_digest_end(&arrival.digest, digest);
  for (int index = 0; index < 32; index++) difference |= digest[index] ^ expected[index];
  if (result != AMT_UNPACK_DONE || difference) fail(is_sent ? "it was damaged on its way" : "its file is damaged", 0);
  amt_filter_undo(program, AMT_SIZE, AMT_CODE_START, AMT_CODE_END, AMT_MACHINE);
}

// Says what it would become, instead of becoming it: what stays in a cache is that.
_Noreturn static void print(const uint8_t *file, size_t size) {
  while (size > 0) {
    long count = call(CALL_WRITE, 1, (long)file, (long)size, 0, 0, 0);
    if (count <= 0) fail("what it unpacks cannot be written", -count);
    file += count;
    size -= (size_t)count;
  }
  for (;;) call(CALL_EXIT, 0, 0, 0, 0, 0, 0);
}

static int is_from_first_stage(long count, char **words) { return count == 2 && begins(words[1], "mitogen:"); }

// Whether the file that was executed ends where the packed program would begin.
static int is_rest_to_come(const char *executed) {
  long file = call(CALL_OPENAT, AT_CURRENT_DIRECTORY, (long)"/proc/self/exe", CLOSED_ON_EXEC, 0, 0, 0);
  // Where there is no /proc it has a name.
  if (file < 0) file = call(CALL_OPENAT, AT_CURRENT_DIRECTORY, (long)executed, CLOSED_ON_EXEC, 0, 0, 0);
  if (file < 0) return 0;
  long size = call(CALL_LSEEK, file, 0, FROM_END, 0, 0, 0);
  call(CALL_CLOSE, file, 0, 0, 0, 0, 0);
  return size == amt_packed_start - amt_file_start;
}

// A shell that received the program executes it by a descriptor of its own, which nobody needs any more. Some shells
// let it end there, and its number is that of our file by now.
static void close_executed_descriptor(const char *executed, long file) {
  static const char prefix[] = "/proc/self/fd/";
  if (!begins(executed, prefix)) return;
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

  if (!is_from_first_stage(count, words)) executed = NULL;
  int is_sent = executed && is_rest_to_come(executed);
  size_t own_size = (size_t)(amt_file_end - amt_file_start), file_size;
  struct {
    uint8_t mark[16];
    uint64_t start, size;
  } trailer = {AMT_PACKED_MARK, AMT_SIZE, own_size};
  file_size = AMT_SIZE + own_size + sizeof trailer;
  long file = make_file(file_size);
  long program = call(CALL_MMAP, 0, (long)file_size, READABLE_AND_WRITABLE, SHARED, file, 0);
  if (program < 0 && program > -4096) fail("there is no memory to unpack it into", -program);
  write_all(file, amt_file_start, (size_t)(amt_packed_start - amt_file_start), AMT_SIZE);
  unpack((uint8_t *)program, file, is_sent);
  write_all(file, &trailer, sizeof trailer, AMT_SIZE + own_size);
  if (count == 2 && same(words[1], AMT_UNPACK_ONLY)) print((const uint8_t *)program, file_size);
  call(CALL_MUNMAP, program, (long)file_size, 0, 0, 0, 0);
  // Nobody changes a program that runs, or what it sends as itself. Where that cannot be had it is as with any file.
  call(CALL_FCNTL, file, ADD_SEALS, ALL_SEALS, 0, 0, 0);
  if (executed) close_executed_descriptor(executed, file);
  long error = call(CALL_EXECVEAT, file, (long)"", (long)words, (long)environment, EMPTY_PATH, 0);
  fail("the system does not execute programs in memory (execveat): use an unpacked one", -error);
}
