/* threads.h where threads are Web Workers: each holds an instance of the module over one shared
 * memory, with a stack of its own, and serves the pool until it is stopped.
 *
 * A module cannot start a Worker. `recurra_pool_start` prepares the pool; the page's side starts
 * the Workers, and each calls `recurra_pool_serve`. A job waits for those that are still loading.
 * Whoever waits sleeps in `memory.atomic.wait32`, which a page's main thread may not: run jobs in a
 * Worker.
 */
#include "../recurra.h"
#include "../threads.h"

enum { SPINS = 2000 };

/* The last job posted: how many threads it uses, and above that a count. One word, so that nobody
 * takes the number of one job for another's. */
enum { WANTED = 255, NEXT = 256 };

typedef struct {
    int32_t threads, stopping;
    int32_t posted;
    int32_t arrived, round, sleepers; /* the barrier */
    Work *work;
    void *context;
} Pool;

static int32_t read(const int32_t *value) { return __atomic_load_n(value, __ATOMIC_SEQ_CST); }

/* Return when `*value` is no longer `old`, and whether it was slept over. */
static int await_change(Pool *pool, int32_t *value, int32_t old)
{
    for (int k = 0; k < SPINS; k++) {
        if (read(value) != old) return 0;
    }
    __atomic_add_fetch(&pool->sleepers, 1, __ATOMIC_SEQ_CST);
    while (read(value) == old) __builtin_wasm_memory_atomic_wait32(value, old, -1);
    __atomic_sub_fetch(&pool->sleepers, 1, __ATOMIC_SEQ_CST);
    return 1;
}

/* Set `*value`. A sleeper counts itself before it looks at the value, so none is forgotten. */
static void announce(Pool *pool, int32_t *value, int32_t now)
{
    __atomic_store_n(value, now, __ATOMIC_SEQ_CST);
    if (read(&pool->sleepers)) __builtin_wasm_memory_atomic_notify(value, (uint32_t)-1);
}

int pool_barrier(void *memory, int64_t threads)
{
    Pool *pool = memory;
    if (threads == 1) return 0;
    int32_t round = read(&pool->round);
    if (__atomic_add_fetch(&pool->arrived, 1, __ATOMIC_SEQ_CST) == threads) {
        __atomic_store_n(&pool->arrived, 0, __ATOMIC_SEQ_CST);
        announce(pool, &pool->round, round + 1);
        return 0;
    }
    return await_change(pool, &pool->round, round);
}

int pool_others_wait(const void *pool, int64_t threads)
{
    return read(&((const Pool *)pool)->arrived) == threads - 1;
}

RECURRA_PUBLIC void recurra_pool_serve(void *memory, int64_t number)
{
    Pool *pool = memory;
    for (int32_t seen = 0;;) {
        await_change(pool, &pool->posted, seen);
        seen = read(&pool->posted);
        if (read(&pool->stopping)) return;
        /* A job that needs fewer threads leaves the others out of its barriers, too; they may even
         * sleep through it. One that needs this thread waits for it, so none of those is missed. */
        int32_t wanted = seen & WANTED;
        if (number >= wanted) continue;
        pool->work(pool->context, number, wanted, pool);
        pool_barrier(pool, wanted);
    }
}

static void post(Pool *pool, int32_t wanted)
{
    uint32_t count = (uint32_t)pool->posted & ~(uint32_t)WANTED;
    announce(pool, &pool->posted, (int32_t)(count + NEXT) | wanted);
}

void pool_run(void *memory, int64_t threads, Work *work, void *context)
{
    Pool *pool = memory;
    if (!pool || pool->threads == 1 || threads == 1) {
        work(context, 0, 1, 0);
        return;
    }
    int32_t wanted = threads < pool->threads ? (int32_t)threads : pool->threads;
    pool->work = work;
    pool->context = context;
    post(pool, wanted);
    work(context, 0, wanted, pool);
    pool_barrier(pool, wanted);
}

int64_t pool_threads(const void *memory) { return memory ? ((const Pool *)memory)->threads : 1; }

int64_t recurra_pool_size(int64_t threads)
{
    return threads < 1 || threads > MAX_THREADS ? REFUSED_SIZE : (int64_t)sizeof(Pool);
}

int64_t recurra_pool_start(void *memory, int64_t threads)
{
    if (threads < 1 || threads > MAX_THREADS) return REFUSED_SIZE;
    if (!memory) return REFUSED_MEMORY;
    *(Pool *)memory = (Pool){.threads = (int32_t)threads};
    return threads;
}

void recurra_pool_stop(void *memory)
{
    Pool *pool = memory;
    __atomic_store_n(&pool->stopping, 1, __ATOMIC_SEQ_CST);
    post(pool, 0);
}
