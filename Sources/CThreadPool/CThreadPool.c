#include "CThreadPool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

/// How long threads spin before they sleep, in nanoseconds: how long a pause is differs between CPUs
/// from 10 to 140 cycles, so spins are not counted.
enum {
    /// Longer than the short operations between two layers take.
    WORKER_SPIN = 100000,
    /// A worker that is in the middle of a piece may be waiting for the caller's own core.
    CALLER_SPIN = 20000,
    /// Pauses between two looks at the clock.
    PAUSES = 16,
};

struct ctp_pool {
    /// The pieces that nobody has taken yet: the first one in the low half, the end in the high one.
    /// While a piece is not done its job is not, so `work` and `context`, read after a piece was taken,
    /// are those of its job, even if the same numbers were seen in an earlier one.
    _Alignas(64) _Atomic uint64_t left;
    /// Pieces of the job that are not done.
    _Alignas(64) _Atomic size_t undone;
    _Alignas(64) atomic_flag busy;
    ctp_work work;
    void *context;

    /// Of those that sleep on the two conditions.
    atomic_int sleepers;
    atomic_bool caller_sleeps;
    atomic_bool ends;
    pthread_mutex_t mutex;
    pthread_cond_t begun, done;
    /// `forks` when the threads were started.
    unsigned forks;
    size_t workers;
    pthread_t threads[];
};

/// How many processes lie between the first one and this one; a child has no threads of its parent.
static unsigned forks;
static pthread_once_t counts_forks = PTHREAD_ONCE_INIT;

static void count_fork(void) { forks++; }

static void begin_counting(void) { pthread_atfork(NULL, NULL, count_fork); }

static bool has_threads(const ctp_pool *pool) { return pool->workers > 0 && pool->forks == forks; }

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static bool is_empty(uint64_t left) { return (uint32_t)left >= left >> 32; }

static bool has_pieces(ctp_pool *pool) { return !is_empty(atomic_load(&pool->left)); }

/// Takes pieces and does them until none is left, the first ones or the last ones first.
///
/// The caller begins at the front and workers at the back, so that in a row of jobs with the same
/// pieces each thread mostly finds in its own cache what it wrote before.
static void do_pieces(ctp_pool *pool, bool from_front) {
    uint64_t left = atomic_load(&pool->left);
    while (!is_empty(left)) {
        uint64_t rest = from_front ? left + 1 : left - ((uint64_t)1 << 32);
        if (!atomic_compare_exchange_weak(&pool->left, &left, rest)) continue;
        pool->work(pool->context, from_front ? (uint32_t)left : rest >> 32);
        if (atomic_fetch_sub(&pool->undone, 1) == 1 && atomic_load(&pool->caller_sleeps)) {
            pthread_mutex_lock(&pool->mutex);
            pthread_cond_signal(&pool->done);
            pthread_mutex_unlock(&pool->mutex);
        }
        left = atomic_load(&pool->left);
    }
}

/// Sleeps until there is work, or the end.
static void sleep_until_begun(ctp_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (!has_pieces(pool) && !atomic_load(&pool->ends)) {
        pthread_cond_wait(&pool->begun, &pool->mutex);
    }
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static bool is_done(ctp_pool *pool) { return atomic_load(&pool->undone) == 0; }

/// Whether `condition` became true while this thread was spinning for `limit` nanoseconds.
static bool spin_until(bool (*condition)(ctp_pool *), ctp_pool *pool, int64_t limit) {
    int64_t begin = nanoseconds();
    do {
        for (int i = 0; i < PAUSES; i++) {
            if (condition(pool)) return true;
            relax();
        }
    } while (nanoseconds() - begin < limit);
    return false;
}

static void *work_until_end(void *context) {
    ctp_pool *pool = context;
    while (!atomic_load(&pool->ends)) {
        if (!spin_until(has_pieces, pool, WORKER_SPIN)) sleep_until_begun(pool);
        do_pieces(pool, false);
    }
    return NULL;
}

ctp_pool *ctp_create(size_t workers) {
    size_t size = sizeof(ctp_pool) + workers * sizeof(pthread_t);
    ctp_pool *pool = NULL;
    if (posix_memalign((void **)&pool, _Alignof(ctp_pool), size) != 0) return NULL;
    atomic_init(&pool->left, 0);
    atomic_init(&pool->undone, 0);
    atomic_flag_clear(&pool->busy);
    atomic_init(&pool->sleepers, 0);
    atomic_init(&pool->caller_sleeps, false);
    atomic_init(&pool->ends, false);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->begun, NULL);
    pthread_cond_init(&pool->done, NULL);
    pthread_once(&counts_forks, begin_counting);
    pool->forks = forks;
    pool->workers = 0;
    while (pool->workers < workers) {
        pthread_t *thread = &pool->threads[pool->workers];
        if (pthread_create(thread, NULL, work_until_end, pool) != 0) break;
        pool->workers++;
    }
    return pool;
}

size_t ctp_workers(const ctp_pool *pool) { return pool->workers; }

/// Waits for the pieces that workers have taken.
static void wait_until_done(ctp_pool *pool) {
    if (spin_until(is_done, pool, CALLER_SPIN)) return;
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->caller_sleeps, true);
    while (atomic_load(&pool->undone) > 0) pthread_cond_wait(&pool->done, &pool->mutex);
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->mutex);
}

void ctp_run(ctp_pool *pool, size_t count, ctp_work work, void *context) {
    bool alone = count <= 1 || count > UINT32_MAX || !has_threads(pool);
    if (alone || atomic_flag_test_and_set(&pool->busy)) {
        for (size_t index = 0; index < count; index++) work(context, index);
        return;
    }
    pool->work = work;
    pool->context = context;
    atomic_store(&pool->undone, count);
    atomic_store(&pool->left, (uint64_t)count << 32);
    // A worker counts itself as asleep before it looks at `left` for the last time, so one of the
    // two sees the other.
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_broadcast(&pool->begun);
        pthread_mutex_unlock(&pool->mutex);
    }
    do_pieces(pool, true);
    wait_until_done(pool);
    atomic_flag_clear(&pool->busy);
}

void ctp_destroy(ctp_pool *pool) {
    if (pool->forks != forks) {
        // Threads of the parent may have held the mutex.
        free(pool);
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_store(&pool->ends, true);
    pthread_cond_broadcast(&pool->begun);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->workers; i++) pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->begun);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}
