import Synchronization
import ThreadPool

/// Runs `body(chunk)` for every chunk in `0..<chunks` on at most `threads` threads.
///
/// The caller cuts the work into chunks whose size does not depend on the thread count, so that
/// results do not either. Even a thread that spins takes about 2 µs to begin, and one that sleeps 25 µs:
/// under some 20 µs of work use one.
public func parallel(chunks: Int, threads: Int, _ body: (Int) -> Void) {
    parallel(chunks: chunks, threads: threads) { chunk, _ in body(chunk) }
}

/// Runs `body(chunk, worker)`; calls of one `worker` in `0..<threads` follow each other, so that each
/// worker may have scratch memory of its own.
public func parallel(chunks: Int, threads: Int, _ body: (Int, Int) -> Void) {
    guard threads > 1, chunks > 1 else {
        for chunk in 0..<chunks { body(chunk, 0) }
        return
    }
    // A worker takes neighbours, so that what a kernel prefetches is mostly its own.
    let run = max(1, chunks / (16 * threads))
    let next = Atomic(0)
    pool(ofThreads: threads).run(min(threads, chunks)) { worker in
        while true {
            let first = next.add(run, ordering: .relaxed).oldValue
            guard first < chunks else { return }
            for chunk in first..<min(first + run, chunks) { body(chunk, worker) }
        }
    }
}

/// The threads of this process by their number. A program has two numbers at most outside of tests:
/// the one that it was given, and all cores, which read folders of images and draw first weights.
private let pools = Mutex<[Int: ThreadPool]>([:])

private func pool(ofThreads threads: Int) -> ThreadPool {
    pools.withLock { pools in
        if let pool = pools[threads] { return pool }
        let pool = ThreadPool(threads: threads)
        pools[threads] = pool
        return pool
    }
}

/// The part of `0..<count` that is chunk `index` of chunks of `size`; empty behind the last one.
func range(ofChunk index: Int, size: Int, count: Int) -> Range<Int> {
    min(index * size, count)..<min((index + 1) * size, count)
}

/// `threads`, or 1 if so few floats are moved that waking a second thread takes longer.
func threads(_ threads: Int, forMoving count: Int) -> Int { count < 1 << 16 ? 1 : threads }
