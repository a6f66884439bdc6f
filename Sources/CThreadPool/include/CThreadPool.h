/// A few threads that wait for short work.
///
/// Waking a thread that sleeps takes 25 microseconds and more, as long as a whole layer. So a
/// worker that has nothing to do first spins for 100 microseconds, which bridges the gap between
/// two layers of a run, and sleeps only then. Longer spins would take the time of other programs
/// on a busy machine.
#ifndef CTHREADPOOL_H
#define CTHREADPOOL_H

#include <stddef.h>
#include <stdint.h>

typedef struct ctp_pool ctp_pool;

/// Does piece `index` of some work.
typedef void (*ctp_work)(void *context, size_t index);

/// Starts `workers` threads, or as many as the system gives; NULL if there is no memory.
ctp_pool *ctp_create(size_t workers);

/// The threads that were started.
size_t ctp_workers(const ctp_pool *pool);

/// Does the pieces 0..<count, each once, on the calling thread and on the workers as they come, and
/// returns when all are done. The caller begins with the first pieces, workers with the last ones.
/// While the pool is at work for another caller, or for a piece that calls this itself, and in a process
/// that was forked off since, which has none of the threads, the calling thread does all pieces alone.
void ctp_run(ctp_pool *pool, size_t count, ctp_work work, void *context);

/// Ends the threads; one of a parent process only gives back its memory. Nothing may run.
void ctp_destroy(ctp_pool *pool);

#endif
