#include "CAsyncMitogenPack.h"

uint32_t amt_pack_checksum(const uint8_t *bytes, size_t size) {
  uint32_t table[256];
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xedb88320 : value >> 1;
    table[byte] = value;
  }
  uint32_t sum = ~0u;
  for (size_t index = 0; index < size; index++) sum = sum >> 8 ^ table[(uint8_t)sum ^ bytes[index]];
  return ~sum;
}
