// What a packed program needs to unpack itself, and what packs it. Freestanding: it must run with no C library.
#ifndef CASYNCMITOGENPACK_H
#define CASYNCMITOGENPACK_H

#include <stddef.h>
#include <stdint.h>

// What became of decoding.
enum amt_lzma_result {
  AMT_LZMA_DONE,
  // No file of the format .lzma, or one with parameters that nobody makes.
  AMT_LZMA_UNKNOWN,
  // The input ends before the output does.
  AMT_LZMA_CUT_OFF,
  // It refers to what is not there, or holds another number of bytes than expected.
  AMT_LZMA_DAMAGED,
};

// The probabilities of lc + lp <= 4, which is what xz makes: 1846 and 768 for each context of a literal.
enum { AMT_LZMA_PROBABILITIES = 1846 + (768 << 4) };

// Decodes a whole .lzma file, with the mark of its end, into exactly output_size bytes. It reads and writes nothing outside of what it is given,
// whatever the input is.
enum amt_lzma_result amt_lzma_decode(
  const uint8_t *input, size_t input_size, uint8_t *output, size_t output_size,
  uint16_t probabilities[AMT_LZMA_PROBABILITIES]);

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

// CRC-32.
uint32_t amt_pack_checksum(const uint8_t *bytes, size_t size);

#endif
