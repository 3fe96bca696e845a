// BLAKE3 (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020): the parts of it that are worth vectors. Eight inputs are
// compressed at once, each in one lane, with whatever vectors the processor has.
#include "CAsyncMitogen.h"

#include <string.h>

enum { chunk_start = 1, chunk_end = 2, parent = 4, root = 8 };
enum { lane_count = 8, block_size = 64, chunk_size = 1024, blocks_of_chunk = chunk_size / block_size, round_count = 7 };

static const uint32_t initial[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

// Which word of the message goes where, for each round.
static const uint8_t order[round_count][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1}, {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4}, {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

#define ROTATE(value, count) ((value) >> (count) | (value) << (32 - (count)))

#define MIX(v, a, b, c, d, x, y)                                                                                       \
  do {                                                                                                                 \
    v[a] += v[b] + (x), v[d] = ROTATE(v[d] ^ v[a], 16), v[c] += v[d], v[b] = ROTATE(v[b] ^ v[c], 12);                  \
    v[a] += v[b] + (y), v[d] = ROTATE(v[d] ^ v[a], 8), v[c] += v[d], v[b] = ROTATE(v[b] ^ v[c], 7);                    \
  } while (0)

// The columns, and then the diagonals.
#define ROUND(v, m, s)                                                                                                 \
  do {                                                                                                                 \
    MIX(v, 0, 4, 8, 12, m[s[0]], m[s[1]]);                                                                             \
    MIX(v, 1, 5, 9, 13, m[s[2]], m[s[3]]);                                                                             \
    MIX(v, 2, 6, 10, 14, m[s[4]], m[s[5]]);                                                                            \
    MIX(v, 3, 7, 11, 15, m[s[6]], m[s[7]]);                                                                            \
    MIX(v, 0, 5, 10, 15, m[s[8]], m[s[9]]);                                                                            \
    MIX(v, 1, 6, 11, 12, m[s[10]], m[s[11]]);                                                                          \
    MIX(v, 2, 7, 8, 13, m[s[12]], m[s[13]]);                                                                           \
    MIX(v, 3, 4, 9, 14, m[s[14]], m[s[15]]);                                                                           \
  } while (0)

// MARK: one input

static void compress(uint32_t value[8], const uint8_t *block, uint32_t size, uint64_t counter, uint32_t flags) {
  uint32_t words[16], v[16];
  memcpy(words, block, sizeof words);
  memcpy(v, value, 8 * sizeof *v);
  memcpy(v + 8, initial, 4 * sizeof *v);
  v[12] = (uint32_t)counter, v[13] = (uint32_t)(counter >> 32), v[14] = size, v[15] = flags;
  for (int round = 0; round < round_count; round++) ROUND(v, words, order[round]);
  for (int index = 0; index < 8; index++) value[index] = v[index] ^ v[index + 8];
}

void amt_blake3_chunk(const uint8_t *bytes, size_t count, uint64_t number, int is_whole, uint32_t value[8]) {
  memcpy(value, initial, sizeof initial);
  uint32_t flags = chunk_start;
  for (; count > block_size; count -= block_size, bytes += block_size) {
    compress(value, bytes, block_size, number, flags);
    flags = 0;
  }
  uint8_t last[block_size] = {0};
  if (count) memcpy(last, bytes, count);
  compress(value, last, (uint32_t)count, number, flags | chunk_end | (is_whole ? root : 0));
}

void amt_blake3_parent(const uint32_t children[16], int is_whole, uint32_t value[8]) {
  uint8_t block[block_size];
  memcpy(block, children, sizeof block);
  memcpy(value, initial, sizeof initial);
  compress(value, block, block_size, 0, parent | (is_whole ? root : 0));
}

// MARK: eight inputs

typedef uint32_t lanes __attribute__((vector_size(4 * lane_count)));

// Rows become columns.
static inline __attribute__((always_inline)) void transpose(lanes rows[lane_count]) {
  lanes pairs[lane_count], fours[lane_count];
  for (int index = 0; index < lane_count; index += 2) {
    pairs[index] = __builtin_shufflevector(rows[index], rows[index + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[index + 1] = __builtin_shufflevector(rows[index], rows[index + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int index = 0; index < lane_count; index += 4) {
    for (int half = 0; half < 2; half++) {
      const lanes *from = pairs + index + half;
      fours[index + 2 * half] = __builtin_shufflevector(from[0], from[2], 0, 1, 8, 9, 4, 5, 12, 13);
      fours[index + 2 * half + 1] = __builtin_shufflevector(from[0], from[2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int index = 0; index < 4; index++) {
    rows[index] = __builtin_shufflevector(fours[index], fours[index + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    rows[index + 4] = __builtin_shufflevector(fours[index], fours[index + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

// Eight inputs of so many blocks that lie `stride` apart; with a step of 1 they are chunks and numbered.
static inline __attribute__((always_inline)) void compress_lanes(
  const uint8_t *inputs, size_t stride, int blocks, uint64_t counter, int step, uint32_t first, uint32_t all,
  uint32_t last, uint32_t values[lane_count][8]
) {
  lanes value[8], low, high;
  for (int index = 0; index < 8; index++) value[index] = (lanes){0} + initial[index];
  for (int lane = 0; lane < lane_count; lane++) {
    uint64_t number = counter + (uint64_t)(step * lane);
    low[lane] = (uint32_t)number, high[lane] = (uint32_t)(number >> 32);
  }
  for (int block = 0; block < blocks; block++, inputs += block_size) {
    lanes words[16], v[16];
    for (int half = 0; half < 2; half++) {
      for (int lane = 0; lane < lane_count; lane++)
        memcpy(words + 8 * half + lane, inputs + stride * (size_t)lane + 32 * half, sizeof *words);
      transpose(words + 8 * half);
    }
    for (int index = 0; index < 8; index++) v[index] = value[index];
    for (int index = 0; index < 4; index++) v[8 + index] = (lanes){0} + initial[index];
    v[12] = low, v[13] = high, v[14] = (lanes){0} + (uint32_t)block_size;
    v[15] = (lanes){0} + (all | (block == 0 ? first : 0) | (block == blocks - 1 ? last : 0));
#pragma clang loop unroll(disable)
    for (int round = 0; round < round_count; round++) ROUND(v, words, order[round]);
    for (int index = 0; index < 8; index++) value[index] = v[index] ^ v[index + 8];
  }
  transpose(value);
  memcpy(values, value, sizeof value);
}

typedef void compression(
  const uint8_t *inputs, size_t stride, int blocks, uint64_t counter, int step, uint32_t first, uint32_t all,
  uint32_t last, uint32_t values[lane_count][8]);

#define DEFINE(name, attributes)                                                                                       \
  attributes static void name(                                                                                         \
    const uint8_t *inputs, size_t stride, int blocks, uint64_t counter, int step, uint32_t first, uint32_t all,        \
    uint32_t last, uint32_t values[lane_count][8]                                                                      \
  ) {                                                                                                                  \
    compress_lanes(inputs, stride, blocks, counter, step, first, all, last, values);                                   \
  }

DEFINE(compress_anywhere, )
#if defined(__x86_64__)
DEFINE(compress_avx2, __attribute__((target("avx2"))))
DEFINE(compress_avx512, __attribute__((target("avx512vl"))))
#endif

static compression *best(int vectors) {
#if defined(__x86_64__)
  if (vectors > 1 && __builtin_cpu_supports("avx512vl")) return compress_avx512;
  if (vectors > 0 && __builtin_cpu_supports("avx2")) return compress_avx2;
#endif
  (void)vectors;
  return compress_anywhere;
}

void amt_blake3_tree(const uint8_t *bytes, size_t count, uint64_t number, int vectors, uint32_t halves[16]) {
  uint32_t values[AMT_BLAKE3_TREE][8];
  compression *compress_eight = best(vectors);
  for (size_t index = 0; index < count; index += lane_count)
    compress_eight(
      bytes + index * chunk_size, chunk_size, blocks_of_chunk, number + index, 1, chunk_start, 0, chunk_end,
      values + index);
  // Parents come to lie where their children lay. Of fewer than eight the other lanes are of no use.
  for (count /= 2; count >= 2; count /= 2) {
    for (size_t index = 0; index < count; index += lane_count)
      compress_eight((const uint8_t *)values[2 * index], block_size, 1, 0, 0, 0, parent, 0, values + index);
  }
  memcpy(halves, values, 16 * sizeof **values);
}
