/* MD5 (RFC 1321) and HMAC-MD5 (RFC 2104) for the RADIUS generator, which must hide passwords and sign packets the way
 * the protocol demands. State can be copied, so that what begins with the secret is computed once. */
#ifndef MD5_H
#define MD5_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  uint32_t state[4];
  uint64_t length;
  unsigned char block[64];
} md5;

static const uint32_t md5_sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};

static const unsigned char md5_turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

static inline void md5_block(uint32_t state[4], const unsigned char block[64]) {
  uint32_t words[16], a = state[0], b = state[1], c = state[2], d = state[3];
  memcpy(words, block, sizeof words); /* little-endian machines only: x86-64 and arm64 */
#pragma GCC unroll 64
  for (unsigned i = 0; i < 64; i++) {
    uint32_t f;
    unsigned word;
    if (i < 16) f = d ^ (b & (c ^ d)), word = i;
    else if (i < 32) f = c ^ (d & (b ^ c)), word = (5 * i + 1) % 16;
    else if (i < 48) f = b ^ c ^ d, word = (3 * i + 5) % 16;
    else f = c ^ (b | ~d), word = 7 * i % 16;
    uint32_t sum = a + f + md5_sines[i] + words[word];
    unsigned turn = md5_turns[i / 16][i % 4];
    a = d, d = c, c = b;
    b += sum << turn | sum >> (32 - turn);
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

static inline md5 md5_begin(void) {
  return (md5){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

static inline void md5_add(md5 *m, const void *bytes, size_t length) {
  const unsigned char *at = bytes;
  while (length > 0) {
    size_t used = m->length % 64, take = 64 - used < length ? 64 - used : length;
    memcpy(m->block + used, at, take);
    m->length += take;
    at += take;
    length -= take;
    if (m->length % 64 == 0) md5_block(m->state, m->block);
  }
}

static inline void md5_end(md5 *m, unsigned char digest[16]) {
  uint64_t bits = m->length * 8;
  size_t used = m->length % 64;
  m->block[used++] = 0x80;
  if (used > 56) {
    memset(m->block + used, 0, 64 - used);
    md5_block(m->state, m->block);
    used = 0;
  }
  memset(m->block + used, 0, 56 - used);
  memcpy(m->block + 56, &bits, 8);
  md5_block(m->state, m->block);
  memcpy(digest, m->state, 16);
}

/* The two states of HMAC after its key, ready to be copied. */
typedef struct {
  md5 inner, outer;
} hmac_md5;

static inline hmac_md5 hmac_md5_key(const unsigned char *key, size_t length) {
  unsigned char inner[64] = {0}, outer[64];
  if (length <= 64) memcpy(inner, key, length);
  else {
    md5 hashed = md5_begin();
    md5_add(&hashed, key, length);
    md5_end(&hashed, inner);
  }
  for (int i = 0; i < 64; i++) {
    outer[i] = inner[i] ^ 0x5c;
    inner[i] ^= 0x36;
  }
  hmac_md5 keyed = {md5_begin(), md5_begin()};
  md5_add(&keyed.inner, inner, 64);
  md5_add(&keyed.outer, outer, 64);
  return keyed;
}

static inline void hmac_md5_sign(hmac_md5 keyed, const void *bytes, size_t length, unsigned char digest[16]) {
  md5_add(&keyed.inner, bytes, length);
  md5_end(&keyed.inner, digest);
  md5_add(&keyed.outer, digest, 16);
  md5_end(&keyed.outer, digest);
}

#endif
