/* From logits to a token, by the rules of core/sampling.py. */
#ifndef RECURRA_SAMPLING_H
#define RECURRA_SAMPLING_H

#include "recurra.h"
#include "simd.h"

/* Draw the token of sequence `lane` at `index` and write its log-probability under the model.
 * `logits` [count] are padded to whole vectors with -1e30; scratch holds 4 * round_up(count, 16). */
i64 sample(const RecurraJob *job, const float *logits, i64 count, i64 lane, i64 index,
           float *scratch, double *log_prob);

#endif
