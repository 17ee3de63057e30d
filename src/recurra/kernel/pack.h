/* Weights rearranged for the products, once a step. */
#ifndef RECURRA_PACK_H
#define RECURRA_PACK_H

#include "network.h"

/* Pack `params` into `packed`, this thread's share of it. Without `back`, only what a forward pass
 * reads. */
void pack_weights(
    const Net *net, const float *params, float *packed, int back, i64 thread, i64 threads);

#endif
