// Encodes the fast format: finds the cheapest row of sequences, as if each decision left the others as they are, which
// holds but for the distance of the match before. Only for packing, which may take seconds.
#include "CAsyncMitogenPack.h"

#include <stdlib.h>
#include <string.h>

enum {
  // How much is planned at once.
  BLOCK = 1 << 18,
  HASH_BITS = 20,
  // From this length on a match is taken as it is, and no better one looked for.
  LONG_MATCH = 512,
  // How many places are compared with one.
  PATIENCE = 96,
  SHORTEST = 4,
  // Where a match of three bytes may be.
  NEAR = 256,
};

// What occurred before, as a binary tree for each hash of four bytes, sorted by what follows, the latest at its root.
struct history {
  const uint8_t *bytes;
  size_t size;
  // Places count from 1; 0 is none.
  uint32_t *roots, (*branches)[2], *triples;
};

struct match {
  uint32_t length, distance;
};

// The cheapest known way to a place.
struct step {
  uint32_t cost, length;
  // Of the match that leads here; 0 for a literal.
  uint32_t distance;
  // Of the last match up to here.
  uint32_t last;
  // How many literals are behind that.
  uint32_t run;
};

static uint32_t hash(const uint8_t *bytes, size_t count) {
  uint32_t word = 0;
  memcpy(&word, bytes, count);
  return word * 2654435761u >> (32 - HASH_BITS);
}

static uint32_t same(const uint8_t *one, const uint8_t *other, uint32_t from, uint32_t limit) {
  while (from < limit && one[from] == other[from]) from++;
  return from;
}

// Finds what a place can be copied from, longer and longer and farther and farther, and adds it to the history.
static int find(struct history *history, size_t place, struct match matches[LONG_MATCH]) {
  uint32_t left = history->size - place < LONG_MATCH ? (uint32_t)(history->size - place) : LONG_MATCH;
  if (left < SHORTEST) return 0;
  const uint8_t *here = history->bytes + place;
  int count = 0;
  uint32_t longest = SHORTEST - 1, *triple = &history->triples[hash(here, 3)];
  if (*triple && place + 1 - *triple < NEAR && same(here, history->bytes + *triple - 1, 0, 3) == 3) {
    longest = same(here, history->bytes + *triple - 1, 3, left);
    matches[count++] = (struct match){longest, (uint32_t)(place + 1 - *triple)};
  }
  *triple = (uint32_t)place + 1;

  uint32_t *root = &history->roots[hash(here, 4)], candidate = *root;
  *root = (uint32_t)place + 1;
  // Where the next greater and the next smaller one are to be written, and how much those have in common with this one.
  uint32_t *greater = &history->branches[place][1], *smaller = &history->branches[place][0];
  uint32_t common_greater = 0, common_smaller = 0;
  for (int patience = PATIENCE;; patience--) {
    if (!candidate || place + 1 - candidate > AMT_FAST_FARTHEST || !patience) break;
    const uint8_t *there = history->bytes + candidate - 1;
    uint32_t *pair = history->branches[candidate - 1];
    uint32_t length = same(here, there, common_greater < common_smaller ? common_greater : common_smaller, left);
    if (length > longest) {
      longest = length;
      matches[count++] = (struct match){length, (uint32_t)(place + 1 - candidate)};
    }
    if (length == left) {
      *smaller = pair[0];
      *greater = pair[1];
      return count;
    }
    if (there[length] < here[length]) {
      *smaller = candidate;
      smaller = pair + 1;
      candidate = *smaller;
      common_smaller = length;
    } else {
      *greater = candidate;
      greater = pair;
      candidate = *greater;
      common_greater = length;
    }
  }
  *smaller = *greater = 0;
  return count;
}

// How many bytes a number takes behind the token.
static uint32_t rest_size(size_t number) {
  return number < AMT_FAST_LONG ? 0 : 1 + (uint32_t)((number - AMT_FAST_LONG) / 255);
}

static unsigned kind_of(uint32_t distance, uint32_t last) {
  return distance == last ? 0 : distance < 1 << 8 ? 1 : distance < 1 << 16 ? 2 : 3;
}

static void consider(struct step *steps, size_t at, uint32_t length, uint32_t distance) {
  unsigned kind = kind_of(distance, steps[at].last);
  if (length < amt_fast_shortest(kind)) return;
  uint32_t cost = steps[at].cost + 1 + kind + rest_size(length - amt_fast_shortest(kind));
  if (cost < steps[at + length].cost) steps[at + length] = (struct step){cost, length, distance, distance, 0};
}

// Plans from one place to another, steps[0] being what is before; each step leads from the one that it is `length`
// behind.
static void plan(struct history *history, size_t start, size_t count, struct step *steps) {
  struct match matches[LONG_MATCH];
  for (size_t at = 1; at <= count; at++) steps[at].cost = UINT32_MAX;
  for (size_t at = 0; at < count; at++) {
    const struct step step = steps[at];
    const uint8_t *here = history->bytes + start + at;
    uint32_t left = count - at < LONG_MATCH ? (uint32_t)(count - at) : LONG_MATCH;
    uint32_t cost = step.cost + 1 + rest_size(step.run + 1) - rest_size(step.run);
    if (cost < steps[at + 1].cost) steps[at + 1] = (struct step){cost, 1, 0, step.last, step.run + 1};
    if (step.last) {
      uint32_t length = same(here, here - step.last, 0, left);
      uint32_t shortest = length == LONG_MATCH ? length : 2;
      for (uint32_t part = shortest; part <= length; part++) consider(steps, at, part, step.last);
    }
    int found = find(history, start + at, matches);
    uint32_t next = 3;
    for (int index = 0; index < found; index++) {
      uint32_t length = matches[index].length < left ? matches[index].length : left;
      if (length == LONG_MATCH) next = length;
      for (; next <= length; next++) consider(steps, at, next, matches[index].distance);
    }
  }
}

struct writer {
  uint8_t *next;
  const uint8_t *literals;
  uint32_t last;
};

static void write_rest(struct writer *writer, size_t number) {
  if (number < AMT_FAST_LONG) return;
  for (number -= AMT_FAST_LONG; number >= 255; number -= 255) *writer->next++ = 255;
  *writer->next++ = (uint8_t)number;
}

static unsigned short_part(size_t number) { return number < AMT_FAST_LONG ? (unsigned)number : AMT_FAST_LONG; }

// Writes the literals up to a place, and a match there if it has a length.
static void write_sequence(struct writer *writer, const uint8_t *end, uint32_t length, uint32_t distance) {
  size_t literals = (size_t)(end - writer->literals);
  unsigned kind = length ? kind_of(distance, writer->last) : 0;
  size_t extra = length ? length - amt_fast_shortest(kind) : 0;
  *writer->next++ = (uint8_t)(kind << 6 | short_part(literals) << 3 | short_part(extra));
  write_rest(writer, literals);
  memcpy(writer->next, writer->literals, literals);
  writer->next += literals;
  for (unsigned index = 0; index < kind; index++) *writer->next++ = (uint8_t)(distance >> 8 * index);
  write_rest(writer, extra);
  writer->literals = end + length;
  writer->last = distance;
}

// Writes what was planned. The steps are known from their end, so they are turned around first.
static void write_plan(struct writer *writer, const uint8_t *start, size_t count, struct step *steps) {
  size_t at = count;
  uint32_t length = steps[at].length, distance = steps[at].distance;
  while (at > 0) {
    at -= length;
    uint32_t before_length = steps[at].length, before_distance = steps[at].distance;
    // What leads on from here.
    steps[at].length = length;
    steps[at].distance = distance;
    length = before_length;
    distance = before_distance;
  }
  for (; at < count; at += steps[at].length) {
    if (steps[at].distance) write_sequence(writer, start + at, steps[at].length, steps[at].distance);
  }
}

size_t amt_fast_encode(const uint8_t *input, size_t size, uint8_t *output) {
  struct history history = {.bytes = input, .size = size};
  history.roots = calloc(1 << HASH_BITS, sizeof *history.roots);
  history.triples = calloc(1 << HASH_BITS, sizeof *history.triples);
  history.branches = calloc(size + 1, sizeof *history.branches);
  struct step *steps = calloc(BLOCK + 1, sizeof *steps);
  struct writer writer = {.next = output, .literals = input};
  if (history.roots && history.triples && history.branches && steps && size < UINT32_MAX) {
    for (size_t start = 0; start < size; start += BLOCK) {
      size_t count = size - start < BLOCK ? size - start : BLOCK;
      steps[0] = (struct step){.last = writer.last, .run = (uint32_t)(input + start - writer.literals)};
      plan(&history, start, count, steps);
      write_plan(&writer, input + start, count, steps);
    }
    write_sequence(&writer, input + size, 0, 0);
  }
  free(history.roots);
  free(history.triples);
  free(history.branches);
  free(steps);
  return (size_t)(writer.next - output);
}
