/* See threads.h and recurra.h. */
#include "threads.h"

#include "recurra.h"

#if defined(RECURRA_THREADS)
#include <pthread.h>

enum { SPINS = 4000 };

typedef struct { pthread_t thread; void *pool; int64_t number; } Worker;

typedef struct {
    int64_t threads;
    pthread_mutex_t lock;
    pthread_cond_t posted, met;
    int64_t jobs, stopping; /* how many jobs were posted */
    Work *work;
    void *context;
    int64_t wanted;                  /* threads that the job in hand uses */
    int32_t arrived, round, sleepers; /* the barrier */
    Worker worker[MAX_THREADS];
} Pool;

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

int pool_barrier(void *memory, int64_t threads)
{
    Pool *pool = memory;
    if (threads == 1) return 0;
    int32_t round = __atomic_load_n(&pool->round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&pool->arrived, 1, __ATOMIC_ACQ_REL) == threads) {
        __atomic_store_n(&pool->arrived, 0, __ATOMIC_RELAXED);
        pthread_mutex_lock(&pool->lock);
        __atomic_store_n(&pool->round, round + 1, __ATOMIC_RELEASE);
        if (pool->sleepers) pthread_cond_broadcast(&pool->met);
        pthread_mutex_unlock(&pool->lock);
        return 0;
    }
    for (int k = 0; k < SPINS; k++) {
        if (__atomic_load_n(&pool->round, __ATOMIC_ACQUIRE) != round) return 0;
        pause_briefly();
    }
    pthread_mutex_lock(&pool->lock);
    pool->sleepers++;
    while (__atomic_load_n(&pool->round, __ATOMIC_ACQUIRE) == round) {
        pthread_cond_wait(&pool->met, &pool->lock);
    }
    pool->sleepers--;
    pthread_mutex_unlock(&pool->lock);
    return 1;
}

int pool_others_wait(const void *pool, int64_t threads)
{
    return __atomic_load_n(&((const Pool *)pool)->arrived, __ATOMIC_ACQUIRE) == threads - 1;
}

static void *serve(void *argument)
{
    Worker *worker = argument;
    Pool *pool = worker->pool;
    for (int64_t seen = 0;;) {
        pthread_mutex_lock(&pool->lock);
        while (pool->jobs == seen && !pool->stopping) pthread_cond_wait(&pool->posted, &pool->lock);
        int stopping = pool->stopping != 0;
        int64_t wanted = pool->wanted;
        Work *work = pool->work;
        void *context = pool->context;
        seen = pool->jobs;
        pthread_mutex_unlock(&pool->lock);
        if (stopping) return 0;
        /* A job that needs fewer threads leaves the others out of its barriers, too; they may even
         * sleep through it. One that needs this thread waits for it, so none of those is missed. */
        if (worker->number >= wanted) continue;
        work(context, worker->number, wanted, pool);
        pool_barrier(pool, wanted);
    }
}

void pool_run(void *memory, int64_t threads, Work *work, void *context)
{
    Pool *pool = memory;
    if (!pool || pool->threads == 1 || threads == 1) {
        work(context, 0, 1, 0);
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->work = work;
    pool->context = context;
    pool->wanted = threads < pool->threads ? threads : pool->threads;
    pool->jobs++;
    pthread_cond_broadcast(&pool->posted);
    pthread_mutex_unlock(&pool->lock);
    int64_t wanted = pool->wanted;
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
    Pool *pool = memory;
    if (threads < 1 || threads > MAX_THREADS) return REFUSED_SIZE;
    if (!pool) return REFUSED_MEMORY;
    *pool = (Pool){.threads = 1};
    pthread_mutex_init(&pool->lock, 0);
    pthread_cond_init(&pool->posted, 0);
    pthread_cond_init(&pool->met, 0);
    for (int64_t k = 1; k < threads; k++) {
        Worker *worker = &pool->worker[k];
        worker->pool = pool;
        worker->number = k;
        if (pthread_create(&worker->thread, 0, serve, worker)) break;
        /* Fewer threads than asked for is no error; the caller is told how many there are. */
        pool->threads = k + 1;
    }
    return pool->threads;
}

void recurra_pool_stop(void *memory)
{
    Pool *pool = memory;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = 1;
    pthread_cond_broadcast(&pool->posted);
    pthread_mutex_unlock(&pool->lock);
    for (int64_t k = 1; k < pool->threads; k++) pthread_join(pool->worker[k].thread, 0);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->posted);
    pthread_cond_destroy(&pool->met);
}

#else /* one thread */

void pool_run(void *pool, int64_t threads, Work *work, void *context)
{
    (void)pool;
    (void)threads;
    work(context, 0, 1, 0);
}

int pool_barrier(void *pool, int64_t threads)
{
    (void)pool;
    (void)threads;
    return 0;
}

int pool_others_wait(const void *pool, int64_t threads)
{
    (void)pool;
    (void)threads;
    return 1;
}

int64_t pool_threads(const void *pool)
{
    (void)pool;
    return 1;
}

int64_t recurra_pool_size(int64_t threads)
{
    return threads < 1 || threads > MAX_THREADS ? REFUSED_SIZE : 64;
}

int64_t recurra_pool_start(void *memory, int64_t threads)
{
    return threads < 1 || threads > MAX_THREADS ? REFUSED_SIZE : !memory ? REFUSED_MEMORY : 1;
}

void recurra_pool_stop(void *memory) { (void)memory; }

#endif
