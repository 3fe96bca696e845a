// SHA-256 without a C library: by the processor's instructions for it where it has them.
#include "CAsyncMitogenPack.h"
#include "../CAsyncMitogen/Sha256Instructions.h"

static uint32_t turn(uint32_t word, int count) { return word >> count | word << (32 - count); }

static void compress_plainly(uint32_t *state, const uint8_t *bytes, size_t count) {
  for (; count; count--, bytes += 64) {
    uint32_t words[64], letters[8];
    for (int index = 0; index < 16; index++) {
      const uint8_t *word = bytes + 4 * index;
      words[index] = (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 | (uint32_t)word[2] << 8 | word[3];
    }
    for (int index = 16; index < 64; index++) {
      uint32_t early = words[index - 15], late = words[index - 2];
      words[index] = words[index - 16] + (turn(early, 7) ^ turn(early, 18) ^ early >> 3) + words[index - 7] +
                     (turn(late, 17) ^ turn(late, 19) ^ late >> 10);
    }
    for (int index = 0; index < 8; index++) letters[index] = state[index];
// Eight rounds at a time, so that the letters come back to their places without being moved.
#pragma clang loop unroll_count(8)
    for (int index = 0; index < 64; index++) {
#define LETTER(number) letters[((number) - index) & 7]
      uint32_t a = LETTER(0), b = LETTER(1), c = LETTER(2), e = LETTER(4), f = LETTER(5), g = LETTER(6);
      uint32_t first = LETTER(7) + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + (g ^ (e & (f ^ g))) +
                       amt_sha256_constants[index] + words[index];
      LETTER(3) += first;
      LETTER(7) = first + (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) | (c & (a | b)));
#undef LETTER
    }
    for (int index = 0; index < 8; index++) state[index] += letters[index];
  }
}

// Whole blocks.
static void compress(struct amt_digest *digest, const uint8_t *bytes, size_t count) {
#ifdef AMT_SHA256_INSTRUCTIONS
  if (digest->has_instructions) return amt_sha256_compress(digest->state, bytes, count);
#endif
  compress_plainly(digest->state, bytes, count);
}

void amt_digest_begin(struct amt_digest *digest) {
  static const uint32_t state[8] = {
      0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (int index = 0; index < 8; index++) digest->state[index] = state[index];
  digest->count = 0;
  digest->has_instructions = 0;
#ifdef AMT_SHA256_INSTRUCTIONS
  digest->has_instructions = amt_sha256_is_supported();
#endif
}

void amt_digest_take(struct amt_digest *digest, const uint8_t *bytes, size_t size) {
  while (size > 0) {
    size_t filled = digest->count % 64, part = 64 - filled;
    if (!filled && size >= 64) {
      part = size & ~(size_t)63;
      compress(digest, bytes, part / 64);
    } else {
      if (part > size) part = size;
      for (size_t index = 0; index < part; index++) digest->pending[filled + index] = bytes[index];
      if (filled + part == 64) compress(digest, digest->pending, 1);
    }
    digest->count += part;
    bytes += part;
    size -= part;
  }
}

void amt_digest_end(struct amt_digest *digest, uint8_t result[32]) {
  static const uint8_t zeros[64] = {0};
  uint64_t bits = digest->count * 8;
  uint8_t mark = 0x80, length[8];
  for (int index = 0; index < 8; index++) length[index] = (uint8_t)(bits >> (56 - 8 * index));
  amt_digest_take(digest, &mark, 1);
  amt_digest_take(digest, zeros, (56 - digest->count % 64 + 64) % 64);
  amt_digest_take(digest, length, 8);
  for (int index = 0; index < 32; index++) result[index] = (uint8_t)(digest->state[index / 4] >> (24 - index % 4 * 8));
}
