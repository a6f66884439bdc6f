import Dispatch
import Synchronization

/// Runs `body(chunk)` for every chunk in `0..<chunks` on at most `threads` threads.
///
/// The caller cuts the work into chunks whose size does not depend on the thread count, so that
/// results do not either. Waking a second thread costs about 25 µs: under 100 µs of work use one.
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
    withoutActuallyEscaping(body) { body in
        // `concurrentPerform` returns only when all calls have; chunks write to separate places.
        typealias Work = @Sendable (Int, Int) -> Void
        let work = unsafeBitCast(body, to: Work.self)
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: min(threads, chunks)) { worker in
            while true {
                let chunk = next.add(1, ordering: .relaxed).oldValue
                guard chunk < chunks else { return }
                work(chunk, worker)
            }
        }
    }
}

/// The part of `0..<count` that is chunk `index` of chunks of `size`; empty behind the last one.
func range(ofChunk index: Int, size: Int, count: Int) -> Range<Int> {
    min(index * size, count)..<min((index + 1) * size, count)
}

/// `threads`, or 1 if so few floats are moved that waking a second thread takes longer.
func threads(_ threads: Int, forMoving count: Int) -> Int { count < 1 << 16 ? 1 : threads }
