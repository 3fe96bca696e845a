// Decodes LZMA, as xz --format=lzma makes it, into memory that holds all of the output: matches are copied out of it, so
// there is no dictionary. What is read is checked against the input's end, what is written and copied against the
// output's ends.
#include "CAsyncMitogenPack.h"

// The range coder's four variables are to stay in registers.
#define INLINE static inline __attribute__((always_inline))
#define STATES 12
#define POSITIONS 16
#define HEADER_SIZE 13
// Where probabilities are in their array.
#define IS_MATCH 0
#define IS_REPEAT (IS_MATCH + STATES * POSITIONS)
#define IS_NEWER (IS_REPEAT + STATES)
#define IS_SECOND (IS_NEWER + STATES)
#define IS_THIRD (IS_SECOND + STATES)
#define IS_LONG (IS_THIRD + STATES)
#define SLOTS (IS_LONG + STATES * POSITIONS)
#define DISTANCES (SLOTS + 4 * 64)
#define ALIGNMENT (DISTANCES + 128 - 14)
#define MATCH_LENGTHS (ALIGNMENT + 16)
#define LENGTHS_SIZE (2 + POSITIONS * 8 * 2 + 256)
#define REPEAT_LENGTHS (MATCH_LENGTHS + LENGTHS_SIZE)
#define LITERALS (REPEAT_LENGTHS + LENGTHS_SIZE)

_Static_assert(LITERALS + (768 << 4) == AMT_LZMA_PROBABILITIES, "the array has room for all");

// The range coder. At the input's end it reads zeros and remembers that.
struct reader {
  const uint8_t *next, *end;
  struct amt_source *source;
  uint32_t range, code;
  int is_cut_off;
};

// Waits for what is on its way; returns where the input ends now. It is not given the reader, which stays in registers.
static __attribute__((noinline)) const uint8_t *more(struct amt_source *source) {
  if (source->more) source->more(source);
  return source->end;
}

// Whether there is another byte.
INLINE int has_next(struct reader *reader) {
  if (reader->next < reader->end) return 1;
  reader->end = more(reader->source);
  return reader->next < reader->end;
}

INLINE void normalize(struct reader *reader) {
  if (reader->range >= 1u << 24) return;
  reader->range <<= 8;
  reader->code <<= 8;
  if (has_next(reader)) {
    reader->code |= *reader->next++;
  } else {
    reader->is_cut_off = 1;
  }
}

INLINE unsigned read_bit(struct reader *reader, uint16_t *probability) {
  normalize(reader);
  unsigned estimate = *probability;
  uint32_t bound = (reader->range >> 11) * estimate;
  if (reader->code < bound) {
    reader->range = bound;
    *probability = (uint16_t)(estimate + ((2048 - estimate) >> 5));
    return 0;
  }
  reader->range -= bound;
  reader->code -= bound;
  *probability = (uint16_t)(estimate - (estimate >> 5));
  return 1;
}

// A number of so many bits, the highest first; the tree has 1 << bits probabilities.
INLINE unsigned read_tree(struct reader *reader, uint16_t *tree, int bits) {
  unsigned node = 1;
  for (int index = 0; index < bits; index++) node = node << 1 | read_bit(reader, tree + node);
  return node - (1u << bits);
}

// The same, the lowest bit first.
INLINE unsigned read_reverse(struct reader *reader, uint16_t *tree, int bits) {
  unsigned node = 1, value = 0;
  for (int index = 0; index < bits; index++) {
    unsigned bit = read_bit(reader, tree + node);
    node = node << 1 | bit;
    value |= bit << index;
  }
  return value;
}

// Bits that are as often 0 as 1.
INLINE uint32_t read_direct(struct reader *reader, int bits) {
  uint32_t value = 0;
  while (bits-- > 0) {
    normalize(reader);
    reader->range >>= 1;
    uint32_t is_zero = reader->code < reader->range;
    if (!is_zero) reader->code -= reader->range;
    value = value << 1 | !is_zero;
  }
  return value;
}

INLINE unsigned read_length(struct reader *reader, uint16_t *table, unsigned position) {
  if (!read_bit(reader, table)) return 2 + read_tree(reader, table + 2 + position * 8, 3);
  if (!read_bit(reader, table + 1)) return 10 + read_tree(reader, table + 2 + POSITIONS * 8 + position * 8, 3);
  return 18 + read_tree(reader, table + 2 + POSITIONS * 16, 8);
}

// How far back a match lies, less one; 0xffffffff is the mark of the end.
INLINE uint32_t read_distance(struct reader *reader, uint16_t *probabilities, unsigned length) {
  unsigned kind = length < 6 ? length - 2 : 3;
  unsigned slot = read_tree(reader, probabilities + SLOTS + kind * 64, 6);
  if (slot < 4) return slot;
  int bits = (int)(slot >> 1) - 1;
  uint32_t distance = (2 | (slot & 1)) << bits;
  if (slot < 14) return distance + read_reverse(reader, probabilities + DISTANCES + distance - slot, bits);
  distance += read_direct(reader, bits - 4) << 4;
  return distance + read_reverse(reader, probabilities + ALIGNMENT, 4);
}

INLINE unsigned read_literal(struct reader *reader, uint16_t *table) { return read_tree(reader, table, 8); }

// A byte that is not the one that a match would have gone on with, which tells something about it.
INLINE unsigned read_mismatch(struct reader *reader, uint16_t *table, unsigned expected) {
  unsigned node = 1, offset = 0x100;
  while (node < 0x100) {
    expected <<= 1;
    unsigned bit = read_bit(reader, table + offset + (expected & offset) + node);
    node = node << 1 | bit;
    offset &= bit ? expected : ~expected;
  }
  return node & 0xff;
}

enum amt_unpack_result amt_lzma_decode(
  struct amt_source *source, uint8_t *output, size_t output_size, uint16_t probabilities[AMT_LZMA_PROBABILITIES]
) {
  // Five bytes begin the range coder; the first is always 0.
  while (source->end - source->next < HEADER_SIZE + 5) {
    if (!source->more || !source->more(source)) return AMT_UNPACK_CUT_OFF;
  }
  const uint8_t *input = source->next;
  unsigned properties = input[0], context_bits = properties % 9, place_bits = properties / 9 % 5;
  unsigned position_mask = (1u << properties / 45) - 1;
  if (properties >= 9 * 5 * 5 || context_bits + place_bits > 4 || input[HEADER_SIZE]) return AMT_UNPACK_UNKNOWN;
  uint64_t size = 0;
  for (int index = 12; index >= 5; index--) size = size << 8 | input[index];
  // xz does not tell the size, and puts a mark at the end.
  if (size != UINT64_MAX && size != output_size) return AMT_UNPACK_DAMAGED;

  struct reader reader = {
      .next = input + HEADER_SIZE + 5, .end = source->end, .source = source, .range = 0xffffffff};
  for (int index = 1; index < 5; index++) reader.code = reader.code << 8 | input[HEADER_SIZE + index];
  for (size_t index = 0; index < AMT_LZMA_PROBABILITIES; index++) probabilities[index] = 1024;
  size_t at = 0;
  uint32_t distances[4] = {0};
  unsigned state = 0;
  const unsigned place_mask = (1u << place_bits) - 1;

  while (!reader.is_cut_off) {
    unsigned position = (unsigned)at & position_mask;
    if (!read_bit(&reader, probabilities + IS_MATCH + state * POSITIONS + position)) {
      if (at == output_size) return reader.is_cut_off ? AMT_UNPACK_CUT_OFF : AMT_UNPACK_DAMAGED;
      unsigned before = at ? output[at - 1] : 0;
      unsigned context = (((unsigned)at & place_mask) << context_bits) + (before >> (8 - context_bits));
      uint16_t *table = probabilities + LITERALS + 768 * context;
      if (state < 7) {
        output[at] = (uint8_t)read_literal(&reader, table);
      } else {
        // A match came before, so the distance was found to lie in the output.
        output[at] = (uint8_t)read_mismatch(&reader, table, output[at - distances[0] - 1]);
      }
      at++;
      state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
      continue;
    }
    unsigned length;
    if (!read_bit(&reader, probabilities + IS_REPEAT + state)) {
      length = read_length(&reader, probabilities + MATCH_LENGTHS, position);
      uint32_t distance = read_distance(&reader, probabilities, length);
      if (distance == UINT32_MAX) {
        normalize(&reader);
        if (reader.is_cut_off) return AMT_UNPACK_CUT_OFF;
        return at == output_size && reader.code == 0 && !has_next(&reader) ? AMT_UNPACK_DONE : AMT_UNPACK_DAMAGED;
      }
      for (int index = 3; index > 0; index--) distances[index] = distances[index - 1];
      distances[0] = distance;
      state = state < 7 ? 7 : 10;
    } else {
      length = 0;
      if (!read_bit(&reader, probabilities + IS_NEWER + state)) {
        if (!read_bit(&reader, probabilities + IS_LONG + state * POSITIONS + position)) {
          length = 1;
          state = state < 7 ? 9 : 11;
        }
      } else {
        int which = 1;
        if (read_bit(&reader, probabilities + IS_SECOND + state)) {
          which = 2 + (int)read_bit(&reader, probabilities + IS_THIRD + state);
        }
        uint32_t distance = distances[which];
        for (; which > 0; which--) distances[which] = distances[which - 1];
        distances[0] = distance;
      }
      if (!length) {
        length = read_length(&reader, probabilities + REPEAT_LENGTHS, position);
        state = state < 7 ? 8 : 11;
      }
    }
    if (distances[0] >= at || length > output_size - at) {
      return reader.is_cut_off ? AMT_UNPACK_CUT_OFF : AMT_UNPACK_DAMAGED;
    }
    // One by one: a match may overlap what it makes.
    const uint8_t *source = output + at - distances[0] - 1;
    for (unsigned index = 0; index < length; index++) output[at + index] = source[index];
    at += length;
  }
  return AMT_UNPACK_CUT_OFF;
}
