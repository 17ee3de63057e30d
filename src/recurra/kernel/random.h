/* Philox4x64-10 (Salmon et al. 2011), in the arrangement of core/random.py: key = (seed, stream),
 * counter = (index, lane, ..), and NumPy's convention that one is added before the first block. */
#ifndef RECURRA_RANDOM_H
#define RECURRA_RANDOM_H

#include "simd.h"

enum { STREAM_DROPOUT = 3, STREAM_SAMPLE = 4, STREAM_RECURRENT_DROPOUT = 5 };

INLINE uint64_t multiply_high(uint64_t a, uint64_t b)
{
#if defined(__SIZEOF_INT128__) && !defined(__wasm__)
    return (uint64_t)(((unsigned __int128)a * b) >> 64);
#else
    uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
    uint64_t middle = ah * bl + ((al * bl) >> 32);
    uint64_t other = al * bh + (uint32_t)middle;
    return ah * bh + (middle >> 32) + (other >> 32);
#endif
}

/* Write the four words of the block at `counter`, which is not modified. */
INLINE void philox(uint64_t seed, uint64_t stream, const uint64_t counter[4], uint64_t words[4])
{
    uint64_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        uint64_t l0 = 0xd2e7470ee14c6c93u * c0, h0 = multiply_high(0xd2e7470ee14c6c93u, c0);
        uint64_t l1 = 0xca5a826395121157u * c2, h1 = multiply_high(0xca5a826395121157u, c2);
        c0 = h1 ^ c1 ^ seed;
        c1 = l1;
        c2 = h0 ^ c3 ^ stream;
        c3 = l0;
        seed += 0x9e3779b97f4a7c15u;
        stream += 0xbb67ae8584caa73bu;
    }
    words[0] = c0; words[1] = c1; words[2] = c2; words[3] = c3;
}

/* The block that NumPy's generator at counter (index, lane, third, 0) gives first. */
INLINE void random_block(
    uint64_t seed, uint64_t stream, uint64_t index, uint64_t lane, uint64_t third,
    uint64_t words[4])
{
    uint64_t counter[4] = {index + 1, lane, third, 0};
    if (counter[0] == 0 && ++counter[1] == 0 && ++counter[2] == 0) counter[3]++;
    philox(seed, stream, counter, words);
}

#endif
