// BLAKE3 (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020): the parts of it that are worth vectors. Eight or sixteen
// inputs are compressed at once, each in one lane, with whatever vectors the processor has.
#include "CAsyncMitogen.h"

#include <string.h>

enum { chunk_start = 1, chunk_end = 2, parent = 4, root = 8 };
enum { block_size = 64, chunk_size = 1024, blocks_of_chunk = chunk_size / block_size, round_count = 7 };

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

// Four mixtures step by step, so that none waits for another's result: the columns, or the diagonals, which begin one row
// further in each.
#define FOUR(statement)                                                                                                \
  for (int index = 0; index < 4; index++) statement
#define MIX(v, m, s, shift)                                                                                            \
  do {                                                                                                                 \
    HALF_MIX(v, m, s, shift, 0, 16, 12);                                                                               \
    HALF_MIX(v, m, s, shift, 1, 8, 7);                                                                                 \
  } while (0)
#define HALF_MIX(v, m, s, shift, word, first, second)                                                                  \
  do {                                                                                                                 \
    FOUR(v[index] += m[s[2 * index + word]]);                                                                          \
    FOUR(v[index] += v[B(shift)]);                                                                                     \
    FOUR(v[D(shift)] ^= v[index]);                                                                                     \
    FOUR(v[D(shift)] = ROTATE(v[D(shift)], first));                                                                    \
    FOUR(v[C(shift)] += v[D(shift)]);                                                                                  \
    FOUR(v[B(shift)] ^= v[C(shift)]);                                                                                  \
    FOUR(v[B(shift)] = ROTATE(v[B(shift)], second));                                                                   \
  } while (0)
#define B(shift) (4 + (index + shift) % 4)
#define C(shift) (8 + (index + 2 * shift) % 4)
#define D(shift) (12 + (index + 3 * shift) % 4)

#define ROUND(v, m, s)                                                                                                 \
  do {                                                                                                                 \
    MIX(v, m, s, 0);                                                                                                   \
    MIX(v, m, (s + 8), 1);                                                                                             \
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

// MARK: several inputs

typedef uint32_t lanes_8 __attribute__((vector_size(4 * 8)));
typedef uint32_t lanes_16 __attribute__((vector_size(4 * 16)));

// Every other four words of two rows, from the first on or from the second.
#define EVEN_QUARTERS(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define ODD_QUARTERS(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)

// Rows become columns.
static inline __attribute__((always_inline)) void transpose_8(lanes_8 rows[8]) {
  lanes_8 pairs[8], fours[8];
  for (int index = 0; index < 8; index += 2) {
    pairs[index] = __builtin_shufflevector(rows[index], rows[index + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[index + 1] = __builtin_shufflevector(rows[index], rows[index + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int index = 0; index < 8; index += 4) {
    for (int half = 0; half < 2; half++) {
      const lanes_8 *from = pairs + index + half;
      fours[index + 2 * half] = __builtin_shufflevector(from[0], from[2], 0, 1, 8, 9, 4, 5, 12, 13);
      fours[index + 2 * half + 1] = __builtin_shufflevector(from[0], from[2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int index = 0; index < 4; index++) {
    rows[index] = __builtin_shufflevector(fours[index], fours[index + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    rows[index + 4] = __builtin_shufflevector(fours[index], fours[index + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

#if defined(__x86_64__)
// The same with registers twice as wide, whose quarters change places in two more steps.
static inline __attribute__((always_inline, target("avx512f"))) void transpose_16(lanes_16 rows[16]) {
  lanes_16 pairs[16], fours[16];
  for (int index = 0; index < 16; index += 2) {
    const lanes_16 *from = rows + index;
    pairs[index] = __builtin_shufflevector(from[0], from[1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    pairs[index + 1] =
      __builtin_shufflevector(from[0], from[1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  }
  for (int index = 0; index < 16; index += 4) {
    for (int half = 0; half < 2; half++) {
      const lanes_16 *from = pairs + index + half;
      fours[index + 2 * half] =
        __builtin_shufflevector(from[0], from[2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
      fours[index + 2 * half + 1] =
        __builtin_shufflevector(from[0], from[2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
  }
  for (int index = 0; index < 4; index++) {
    const lanes_16 *from = fours + index;
    lanes_16 even[2] = {EVEN_QUARTERS(from[0], from[4]), EVEN_QUARTERS(from[8], from[12])};
    lanes_16 odd[2] = {ODD_QUARTERS(from[0], from[4]), ODD_QUARTERS(from[8], from[12])};
    rows[index] = EVEN_QUARTERS(even[0], even[1]);
    rows[index + 4] = EVEN_QUARTERS(odd[0], odd[1]);
    rows[index + 8] = ODD_QUARTERS(even[0], even[1]);
    rows[index + 12] = ODD_QUARTERS(odd[0], odd[1]);
  }
}
#endif

typedef void compression(
  const uint8_t *inputs, size_t stride, int blocks, uint64_t counter, int step, uint32_t first, uint32_t all,
  uint32_t last, uint32_t (*values)[8]);

// Defines the compression of so many inputs of `blocks` blocks that lie `stride` apart; with a step of 1 they are chunks
// and numbered.
#define DEFINE(name, width, rounds, attributes)                                                                        \
  attributes static void name(                                                                                         \
    const uint8_t *inputs, size_t stride, int blocks, uint64_t counter, int step, uint32_t first, uint32_t all,        \
    uint32_t last, uint32_t (*values)[8]                                                                               \
  ) {                                                                                                                  \
    typedef lanes_##width lanes;                                                                                       \
    lanes value[width] = {{0}}, low, high;                                                                             \
    for (int index = 0; index < 8; index++) value[index] += initial[index];                                            \
    for (int lane = 0; lane < width; lane++) {                                                                         \
      uint64_t number = counter + (uint64_t)(step * lane);                                                             \
      low[lane] = (uint32_t)number, high[lane] = (uint32_t)(number >> 32);                                             \
    }                                                                                                                  \
    for (int block = 0; block < blocks; block++, inputs += block_size) {                                               \
      lanes words[16], v[16];                                                                                          \
      for (int part = 0; part < 16; part += width) {                                                                   \
        for (int lane = 0; lane < width; lane++)                                                                       \
          memcpy(words + part + lane, inputs + stride * (size_t)lane + 4 * part, sizeof *words);                       \
        transpose_##width(words + part);                                                                               \
      }                                                                                                                \
      for (int index = 0; index < 8; index++) v[index] = value[index];                                                 \
      for (int index = 0; index < 4; index++) v[8 + index] = (lanes){0} + initial[index];                              \
      v[12] = low, v[13] = high, v[14] = (lanes){0} + (uint32_t)block_size;                                            \
      v[15] = (lanes){0} + (all | (block == 0 ? first : 0) | (block == blocks - 1 ? last : 0));                        \
      rounds for (int round = 0; round < round_count; round++) ROUND(v, words, order[round]);                          \
      for (int index = 0; index < 8; index++) value[index] = v[index] ^ v[index + 8];                                  \
    }                                                                                                                  \
    transpose_##width(value);                                                                                          \
    for (int lane = 0; lane < width; lane++) memcpy(values[lane], value + lane, sizeof *values);                       \
  }

// Rounds that are written out, each with its own order, take more room than the narrow ones are worth.
DEFINE(compress_anywhere, 8, _Pragma("clang loop unroll(disable)"), )
#if defined(__x86_64__)
DEFINE(compress_avx2, 8, _Pragma("clang loop unroll(disable)"), __attribute__((target("avx2"))))
DEFINE(
  compress_avx512, 16, _Pragma("clang loop unroll(full)"), __attribute__((target("avx512f"), min_vector_width(512))))
#endif

void amt_blake3_tree(const uint8_t *bytes, size_t count, uint64_t number, int vectors, uint32_t halves[16]) {
  uint32_t values[AMT_BLAKE3_TREE][8];
  compression *compress_several = compress_anywhere;
  size_t width = 8;
#if defined(__x86_64__)
  if (vectors > 1 && __builtin_cpu_supports("avx512f")) {
    compress_several = compress_avx512;
    width = 16;
  } else if (vectors > 0 && __builtin_cpu_supports("avx2")) {
    compress_several = compress_avx2;
  }
#endif
  (void)vectors;
  for (size_t index = 0; index < count; index += width)
    compress_several(
      bytes + index * chunk_size, chunk_size, blocks_of_chunk, number + index, 1, chunk_start, 0, chunk_end,
      values + index);
  // Parents come to lie where their children lay. Of fewer than there are lanes the other lanes are of no use.
  for (count /= 2; count >= 2; count /= 2) {
    for (size_t index = 0; index < count; index += width)
      compress_several((const uint8_t *)values[2 * index], block_size, 1, 0, 0, 0, parent, 0, values + index);
  }
  memcpy(halves, values, 16 * sizeof **values);
}
