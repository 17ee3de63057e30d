/* A job's checks: 0 or a refusal. */
#ifndef RECURRA_JOB_H
#define RECURRA_JOB_H

#include "network.h"

enum { MOST_BATCH = 1 << 20 };

/* Sizes and options; no pointer but the description is followed, into `net`. */
COLD i64 job_check(const RecurraJob *job, Net *net);

/* Whether the arrays that a mode reads and writes are all there. */
COLD i64 job_check_arrays(const RecurraJob *job, const Net *net);

/* Whether tokens and targets are within the vocabulary. */
i64 job_check_tokens(const RecurraJob *job, const Net *net);

/* Whether the caller computes the loss: it learns in two halves, see recurra.h. */
int job_is_foreign(const RecurraJob *job);

#endif
