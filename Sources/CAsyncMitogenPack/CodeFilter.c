// Relative addresses in instructions become absolute ones and back. Not every hit is an instruction, and not every
// instruction is hit; what counts is that both directions see the same hits: what decides lies before the address, and
// behind the one before.
#include "CAsyncMitogenPack.h"

#ifdef __SSE2__
#include <emmintrin.h>

// Which bytes are such a value under a mask.
static inline __m128i is(__m128i bytes, int mask, int value) {
  return _mm_cmpeq_epi8(_mm_and_si128(bytes, _mm_set1_epi8((char)mask)), _mm_set1_epi8((char)value));
}

static inline __m128i both(__m128i one, __m128i other) { return _mm_and_si128(one, other); }

static inline __m128i either(__m128i one, __m128i other) { return _mm_or_si128(one, other); }
#endif

static uint32_t read_little(const uint8_t *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void write_little(uint8_t *bytes, uint32_t value) {
  for (int index = 0; index < 4; index++) bytes[index] = (uint8_t)(value >> 8 * index);
}

// MARK: x86-64

// How many bytes before a relative address of 32 bits tell that it is one; 0 if none follows.
static size_t opcode_length(const uint8_t *code) {
  // Calls and jumps.
  if ((code[0] & 0xfe) == 0xe8) return 1;
  // Conditional jumps.
  if (code[0] == 0x0f) return (code[1] & 0xf0) == 0x80 ? 2 : 0;
  // Addresses, loads and stores of 64 bits, relative to the program counter.
  if ((code[0] & 0xfb) != 0x48 || (code[2] & 0xc7) != 0x05) return 0;
  return code[1] == 0x8d || code[1] == 0x8b || code[1] == 0x89 ? 3 : 0;
}

// Distances that fit in 25 bits, and positions modulo that: the sign fills the last byte in both.
static int is_near(const uint8_t *field) { return field[3] == 0x00 || field[3] == 0xff; }

// The number in a field; its upper bytes first, for those are mostly equal in positions of one function.
static uint32_t read_swapped(const uint8_t *field) {
  return (uint32_t)field[0] << 16 | (uint32_t)field[1] << 8 | field[2] | (uint32_t)field[3] << 24;
}

static void write_swapped(uint8_t *field, uint32_t value) {
  field[0] = (uint8_t)(value >> 16);
  field[1] = (uint8_t)(value >> 8);
  field[2] = (uint8_t)value;
  field[3] = (uint8_t)(value >> 24);
}

static uint32_t extend(uint32_t value) { return value & 1u << 24 ? value | 0xff000000 : value & 0x00ffffff; }

// The first place from `at` on where an opcode is, or the first behind which there is no room for the longest and its
// address.
static size_t find_opcode(const uint8_t *file, size_t at, size_t end) {
#ifdef __SSE2__
  // Sixteen places at once: what an instruction begins with is too often just a byte for branches to be guessed well.
  for (; end - at >= 16 + 7; at += 16) {
    const __m128i first = _mm_loadu_si128((const __m128i *)(file + at));
    const __m128i second = _mm_loadu_si128((const __m128i *)(file + at + 1));
    const __m128i third = _mm_loadu_si128((const __m128i *)(file + at + 2));
    const __m128i calls = is(first, 0xfe, 0xe8), jumps = both(is(first, 0xff, 0x0f), is(second, 0xf0, 0x80));
    const __m128i moves = either(is(second, 0xff, 0x8d), either(is(second, 0xff, 0x8b), is(second, 0xff, 0x89)));
    const __m128i relative = both(is(first, 0xfb, 0x48), both(moves, is(third, 0xc7, 0x05)));
    unsigned hits = (unsigned)_mm_movemask_epi8(either(calls, either(jumps, relative)));
    if (hits) return at + (size_t)__builtin_ctz(hits);
  }
#endif
  while (end - at >= 7 && !opcode_length(file + at)) at++;
  return at;
}

static void filter_x86(uint8_t *file, size_t start, size_t end, int apply) {
  // The longest opcode and its address.
  for (size_t at = start; end - (at = find_opcode(file, at, end)) >= 7;) {
    at += opcode_length(file + at);
    uint32_t place = (uint32_t)at + 4;
    if (!is_near(file + at)) {
      // Left as it is, and skipped all the same: nothing that decides may be changed later.
    } else if (apply) {
      write_swapped(file + at, extend(read_little(file + at) + place));
    } else {
      write_little(file + at, extend(read_swapped(file + at) - place));
    }
    at += 4;
  }
}

// MARK: aarch64

static uint32_t turn_instruction(uint32_t word, uint32_t place, int apply) {
  // bl: 26 bits count instructions.
  if ((word & 0xfc000000) == 0x94000000) {
    uint32_t base = place >> 2;
    return (word & 0xfc000000) | ((apply ? word + base : word - base) & 0x03ffffff);
  }
  // adrp: 21 bits count pages, the lower two in another place.
  if ((word & 0x9f000000) == 0x90000000) {
    uint32_t pages = (word >> 29 & 3) | (word >> 3 & 0x1ffffc), base = place >> 12;
    pages = apply ? pages + base : pages - base;
    return (word & 0x9f00001f) | (pages & 3) << 29 | (pages << 3 & 0x00ffffe0);
  }
  return word;
}

static void filter_aarch64(uint8_t *file, size_t start, size_t end, int apply) {
  for (size_t at = (start + 3) & ~(size_t)3; at < end && end - at >= 4; at += 4) {
    write_little(file + at, turn_instruction(read_little(file + at), (uint32_t)at, apply));
  }
}

static void filter(uint8_t *file, size_t size, size_t start, size_t end, int machine, int apply) {
  if (end > size || start > end) return;
  if (machine == AMT_MACHINE_X86_64) filter_x86(file, start, end, apply);
  if (machine == AMT_MACHINE_AARCH64) filter_aarch64(file, start, end, apply);
}

void amt_filter_apply(uint8_t *file, size_t size, size_t start, size_t end, int machine) {
  filter(file, size, start, end, machine, 1);
}

void amt_filter_undo(uint8_t *file, size_t size, size_t start, size_t end, int machine) {
  filter(file, size, start, end, machine, 0);
}
