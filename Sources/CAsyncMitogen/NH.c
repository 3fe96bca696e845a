// NH, the universal hash of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway, 1999): words of a unit are added to words of
// a key, the sums are multiplied in pairs, and the products added. Four times, each with the key a little further on.
#include "CAsyncMitogen.h"

#include <string.h>

enum { vector_size = 32, passes = 4, shift = 16 };

typedef uint32_t words __attribute__((vector_size(vector_size)));
typedef uint64_t pairs __attribute__((vector_size(vector_size)));

static inline __attribute__((always_inline)) void sum_units(
  const uint8_t *bytes, size_t count, const uint8_t *key, uint8_t *sums
) {
  for (; count > 0; count--, bytes += AMT_NH_UNIT) {
    pairs totals[passes] = {{0}};
    for (int offset = 0; offset < AMT_NH_UNIT; offset += vector_size) {
      words message, part;
      memcpy(&message, bytes + offset, sizeof message);
      for (int pass = 0; pass < passes; pass++) {
        memcpy(&part, key + offset + shift * pass, sizeof part);
        pairs added = (pairs)(message + part);
        totals[pass] += (added & UINT32_MAX) * (added >> 32);
      }
    }
    for (int pass = 0; pass < passes; pass++, sums += sizeof(uint64_t)) {
      uint64_t total = 0;
      for (int lane = 0; lane < vector_size / (int)sizeof total; lane++) total += totals[pass][lane];
      memcpy(sums, &total, sizeof total);
    }
  }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void sum_units_avx2(
  const uint8_t *bytes, size_t count, const uint8_t *key, uint8_t *sums
) {
  sum_units(bytes, count, key, sums);
}
#endif

void amt_nh(const void *bytes, size_t count, const uint8_t key[AMT_NH_KEY], int vectors, void *sums) {
#if defined(__x86_64__)
  if (vectors > 0 && __builtin_cpu_supports("avx2")) return sum_units_avx2(bytes, count, key, sums);
#endif
  (void)vectors;
  sum_units(bytes, count, key, sums);
}
