// Decodes the fast format, see the header. What is read is checked against the input's end, what is written and copied
// against the output's ends.
#include "CAsyncMitogenPack.h"

#define INLINE static inline __attribute__((always_inline))
// A sequence without continued numbers takes at most so many bytes, and makes at most so many.
#define SHORT_INPUT (1 + 8 + 3)
#define SHORT_OUTPUT (8 + 16)

// Whether so many bytes are there, once those have come that are on their way.
static int has(struct amt_source *source, size_t size) {
  while ((size_t)(source->end - source->next) < size) {
    if (!source->more || !source->more(source)) return 0;
  }
  return 1;
}

// Continues a number; 0 if the input ends.
static int read_rest(struct amt_source *source, size_t *number) {
  for (;;) {
    if (!has(source, 1)) return 0;
    uint8_t byte = *source->next++;
    *number += byte;
    if (byte != 255) return 1;
  }
}

INLINE void copy_8(uint8_t *target, const uint8_t *from) { __builtin_memcpy(target, from, 8); }

// Copies what is `distance` back; there is room for `room` bytes, of which what is not of the match may be written too.
INLINE void copy_match(uint8_t *target, size_t distance, size_t length, size_t room) {
  const uint8_t *from = target - distance;
  if (distance >= 8 && room >= 16 && length <= 16) {
    copy_8(target, from);
    copy_8(target + 8, from + 8);
  } else if (distance >= 8 && room - length >= 8) {
    for (size_t index = 0; index < length; index += 8) copy_8(target + index, from + index);
  } else {
    // One by one: it overlaps what it makes.
    for (size_t index = 0; index < length; index++) target[index] = from[index];
  }
}

// The distance that one to three bytes tell; three are there to be read.
INLINE size_t read_distance(const uint8_t *bytes, unsigned kind) {
  return (size_t)(bytes[0] | bytes[1] << 8 | bytes[2] << 16) & ((size_t)1 << 8 * kind) - 1;
}

enum amt_unpack_result amt_fast_decode(struct amt_source *source, uint8_t *output, size_t output_size) {
  size_t at = 0, distance = 0;
  for (;;) {
    if (!has(source, 1)) return AMT_UNPACK_CUT_OFF;
    unsigned token = *source->next++, kind = token >> 6;
    size_t literals = token >> 3 & 7, extra = token & 7, length = extra + amt_fast_shortest(kind);
    size_t input_left = (size_t)(source->end - source->next), output_left = output_size - at;
    if (literals < AMT_FAST_LONG && input_left >= SHORT_INPUT && output_left >= SHORT_OUTPUT) {
      // By far most are like this.
      copy_8(output + at, source->next);
      source->next += literals;
      at += literals;
      // Not by a branch, which would be guessed wrongly every other time.
      size_t told = read_distance(source->next, kind);
      distance = kind ? told : distance;
      source->next += kind;
    } else {
      if (literals == AMT_FAST_LONG && !read_rest(source, &literals)) return AMT_UNPACK_CUT_OFF;
      if (literals > output_left) return AMT_UNPACK_DAMAGED;
      while (literals > 0) {
        if (!has(source, 1)) return AMT_UNPACK_CUT_OFF;
        size_t part = (size_t)(source->end - source->next);
        if (part > literals) part = literals;
        for (size_t index = 0; index < part; index++) output[at + index] = source->next[index];
        source->next += part;
        at += part;
        literals -= part;
      }
      if (at == output_size) return has(source, 1) ? AMT_UNPACK_DAMAGED : AMT_UNPACK_DONE;
      if (!has(source, kind)) return AMT_UNPACK_CUT_OFF;
      if (kind) distance = 0;
      for (unsigned index = 0; index < kind; index++) distance |= (size_t)*source->next++ << 8 * index;
    }
    if (extra == AMT_FAST_LONG && !read_rest(source, &length)) return AMT_UNPACK_CUT_OFF;
    // Something always follows a match, if only a sequence without literals.
    if (distance == 0 || distance > at || length > output_size - at) return AMT_UNPACK_DAMAGED;
    copy_match(output + at, distance, length, output_size - at);
    at += length;
  }
}
