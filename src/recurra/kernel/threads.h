/* Threads that meet at barriers: a pool that sleeps between jobs. */
#ifndef RECURRA_THREADS_H
#define RECURRA_THREADS_H

#include <stdint.h>

/* Run `work(context, thread, threads, pool)` on every thread of the pool, this one as thread 0, and
 * return when all have. Without a pool (null), on this thread alone. */
typedef void Work(void *context, int64_t thread, int64_t threads, void *pool);
void pool_run(void *pool, int64_t threads, Work *work, void *context);

/* Wait until `threads` threads are here. A moment of spinning, then sleep: on a busy machine, the
 * one waited for may need this processor. Returns whether this one slept. */
int pool_barrier(void *pool, int64_t threads);

/* Whether all others of so many threads wait at the barrier. */
int pool_others_wait(const void *pool, int64_t threads);

/* How many threads a pool has; 1 without one. */
int64_t pool_threads(const void *pool);

#endif
