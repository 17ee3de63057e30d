/* The shared generator for whoever sets up a network in the page: first weights and orders. */
#include "../recurra.h"
#include "../random.h"

/* words[n] = word n of the stream that starts at counter (index, lane, 0, 0), as `words` of
 * core/random.py; a block is four words, the next block has index + 1. */
RECURRA_PUBLIC void recurra_words(
    int64_t seed, int64_t stream, int64_t index, int64_t lane, int64_t count, uint64_t *words)
{
    for (int64_t n = 0; n < count; n += 4) {
        uint64_t block[4];
        random_block((uint64_t)seed, (uint64_t)stream, (uint64_t)(index + n / 4), (uint64_t)lane, 0,
                     block);
        for (int64_t k = 0; k < 4 && n + k < count; k++) words[n + k] = block[k];
    }
}
