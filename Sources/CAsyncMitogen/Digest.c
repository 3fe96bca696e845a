// SHA-256 by the instructions that processors have for it.
#include "CAsyncMitogen.h"
#include "Sha256Instructions.h"

int amt_sha256(uint32_t state[8], const void *blocks, size_t count) {
#ifdef AMT_SHA256_INSTRUCTIONS
  // Found out again by another thread, it is the same.
  static int known;
  int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (!answer) {
    answer = amt_sha256_is_supported() ? 1 : -1;
    __atomic_store_n(&known, answer, __ATOMIC_RELAXED);
  }
  if (answer > 0) {
    amt_sha256_compress(state, blocks, count);
    return 1;
  }
#endif
  return 0;
}
