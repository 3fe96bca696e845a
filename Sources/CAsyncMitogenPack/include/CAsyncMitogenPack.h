// What a packed program needs to unpack itself, and what packs it. Freestanding: it must run with no C library.
#ifndef CASYNCMITOGENPACK_H
#define CASYNCMITOGENPACK_H

#include <stddef.h>
#include <stdint.h>

// What became of decoding.
enum amt_unpack_result {
  AMT_UNPACK_DONE,
  // No file of the format .lzma, or one with parameters that nobody makes.
  AMT_UNPACK_UNKNOWN,
  // The input ends before the output does.
  AMT_UNPACK_CUT_OFF,
  // It refers to what is not there, or holds another number of bytes than expected.
  AMT_UNPACK_DAMAGED,
};

// What is decoded. It may still be on its way: `more`, if there is one, puts further bytes where `end` points to, moves
// `end` behind them, and returns 1; 0 if no more will come.
struct amt_source {
  const uint8_t *next, *end;
  int (*more)(struct amt_source *source);
};

// The probabilities of lc + lp <= 4, which is what xz makes: 1846 and 768 for each context of a literal.
enum { AMT_LZMA_PROBABILITIES = 1846 + (768 << 4) };

// Decodes a whole .lzma file, with the mark of its end, into exactly output_size bytes. It reads and writes nothing outside of what it is given,
// whatever the input is.
enum amt_unpack_result amt_lzma_decode(
  struct amt_source *source, uint8_t *output, size_t output_size, uint16_t probabilities[AMT_LZMA_PROBABILITIES]);

// The format for machines that are near: half again as long as LZMA, and decoded twenty times as fast.
//
// It is a row of sequences, each of which is some literals and a match, a copy of what is a distance back in the output.
// A sequence begins with a byte: its kind (2 bits), how many literals (3 bits), and by how much the match is longer than
// the shortest of its kind (3 bits). Of the latter two, 7 means that bytes follow which are to be added, up to and with
// the first that is not 255. The literals follow, then the distance, low byte first: none if it is that of the match
// before, or one, two or three bytes, as the kind says. The number of literals is continued before them, the length
// behind the distance. The last sequence ends behind its literals.
enum { AMT_FAST_LONG = 7, AMT_FAST_FARTHEST = 0xffffff };

// The shortest match of a kind.
static inline size_t amt_fast_shortest(unsigned kind) { return kind == 0 ? 2 : kind == 1 ? 3 : 4; }

// Decodes that format into exactly output_size bytes. It reads and writes nothing outside of what it is given, whatever
// the input is.
enum amt_unpack_result amt_fast_decode(struct amt_source *source, uint8_t *output, size_t output_size);

// Encodes it, as short as it can be. Returns how many bytes that takes, or 0 if there is no memory; output has room for
// amt_fast_bound(size).
size_t amt_fast_encode(const uint8_t *input, size_t size, uint8_t *output);
static inline size_t amt_fast_bound(size_t size) { return size + size / 255 + 16; }

// As e_machine of an ELF file has them.
#define AMT_MACHINE_X86_64 62
#define AMT_MACHINE_AARCH64 183

// Makes the relative addresses in instructions absolute, in place, so that calls of one function look alike and are
// packed well; and undoes it. Code lies from start to end of a file of the given size.
void amt_filter_apply(uint8_t *file, size_t size, size_t start, size_t end, int machine);
void amt_filter_undo(uint8_t *file, size_t size, size_t start, size_t end, int machine);

// What the last 32 bytes of an unpacked program begin with: "AMT packed image". Behind it are two numbers of 64 bits,
// where the packed program begins in the file and how many bytes it has.
#define AMT_PACKED_MARK {0x41, 0x4d, 0x54, 0x20, 0x70, 0x61, 0x63, 0x6b, 0x65, 0x64, 0x20, 0x69, 0x6d, 0x61, 0x67, 0x65}

// The only word of a packed program that is to write what it unpacks to standard output.
#define AMT_UNPACK_ONLY "mitogen-unpack"

// SHA-256, taken in pieces.
struct amt_digest {
  uint32_t state[8];
  uint64_t count;
  uint8_t pending[64];
  // Whether the processor's instructions are used; tests compare.
  int has_instructions;
};

void amt_digest_begin(struct amt_digest *digest);
void amt_digest_take(struct amt_digest *digest, const uint8_t *bytes, size_t size);
// The digest of all that was taken; nothing can be taken afterwards.
void amt_digest_end(struct amt_digest *digest, uint8_t result[32]);

#endif
