import CThreadPool

/// Threads that share short work, kept for as long as the pool lives. `CThreadPool.h` says how they wait.
///
/// Runs may be asked for from several threads at a time: one has the workers, the others work alone.
package final class ThreadPool: @unchecked Sendable {
    /// `nil` where one thread was asked for, or no more could be had.
    private let pool: OpaquePointer?

    /// How many threads a run has, the calling one included.
    package let threads: Int

    /// - Parameter threads: at least 1.
    package init(threads: Int) {
        precondition(threads >= 1, "\(threads) threads, expected at least 1")
        pool = threads > 1 ? ctp_create(threads - 1) : nil
        self.threads = 1 + (pool.map(ctp_workers) ?? 0)
    }

    deinit { if let pool { ctp_destroy(pool) } }

    /// Calls `body` once for each index in `0..<count`, in any order and several at a time.
    package func run(_ count: Int, _ body: (Int) -> Void) {
        guard let pool, count > 1 else {
            for index in 0..<count { body(index) }
            return
        }
        withoutActuallyEscaping(body) { body in
            withUnsafePointer(to: body) { body in
                ctp_run(
                    pool, count,
                    { context, index in
                        context!.assumingMemoryBound(to: Body.self).pointee(index)
                    }, UnsafeMutableRawPointer(mutating: body))
            }
        }
    }

    /// The results of `body` for each index in `0..<count`, in order.
    ///
    /// - Parameter cost: pieces of a large one begin first.
    package func map<Value: Sendable>(
        _ count: Int, cost: (Int) -> Int = { _ in 0 }, _ body: (Int) -> Value
    ) -> [Value] {
        // Pieces are taken from the last to the first.
        let order = (0..<count).sorted { (cost($0), $1) < (cost($1), $0) }
        var values = [Value?](repeating: nil, count: count)
        values.withUnsafeMutableBufferPointer { buffer in
            // Every piece writes a place of its own.
            nonisolated(unsafe) let places = buffer
            run(count) { places[order[$0]] = body(order[$0]) }
        }
        return values.map { $0! }
    }

    private typealias Body = (Int) -> Void
}
