import Dispatch
import Synchronization
import Testing
import ThreadPool

@Suite struct ThreadPoolTests {
    @Test(arguments: [1, 2, 3, 8]) func `does every piece once, whatever the number of threads`(
        threads: Int
    ) {
        let pool = ThreadPool(threads: threads)
        #expect(pool.threads == threads)
        for count in Array(0...9) + [100, 1000] {
            let done = Mutex([Int](repeating: 0, count: count))
            pool.run(count) { index in done.withLock { $0[index] += 1 } }
            #expect(done.withLock { $0 } == [Int](repeating: 1, count: count), "\(count) pieces")
        }
    }

    @Test func `does its pieces job after job, and after workers fell asleep`() {
        let pool = ThreadPool(threads: 3)
        for round in 0..<20_000 {
            let sum = Atomic(0)
            pool.run(4) { sum.add($0 + round, ordering: .relaxed) }
            #expect(sum.load(ordering: .relaxed) == 6 + 4 * round)
            if round.isMultiple(of: 4000) { pause(milliseconds: 20) }
        }
    }

    @Test func `waits for a piece that takes long`() {
        let pool = ThreadPool(threads: 2)
        let finished = Atomic(0)
        pool.run(2) { _ in
            pause(milliseconds: 30)
            finished.add(1, ordering: .relaxed)
        }
        #expect(finished.load(ordering: .relaxed) == 2)
    }

    @Test func `serves callers on several threads, and pieces that run pieces`() {
        let pool = ThreadPool(threads: 2)
        let sum = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: 6) { _ in
            for _ in 0..<200 {
                pool.run(3) { _ in
                    pool.run(5) { sum.add($0, ordering: .relaxed) }
                }
            }
        }
        #expect(sum.load(ordering: .relaxed) == 6 * 200 * 3 * 10)
    }

    @Test func `maps in order`() {
        let pool = ThreadPool(threads: 4)
        #expect(pool.map(100) { "\($0 * $0)" } == (0..<100).map { "\($0 * $0)" })
        #expect(pool.map(0) { $0 } == [])
    }
}

private func pause(milliseconds: Int) {
    _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .milliseconds(milliseconds))
}
