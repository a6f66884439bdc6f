import Synchronization
import Tensors
import Testing

@Test(arguments: [0, 1, 2, 3, 7, 100], [1, 2, 3, 8])
func `every chunk runs exactly once`(chunks: Int, threads: Int) {
    let runs = Mutex([Int](repeating: 0, count: chunks))
    parallel(chunks: chunks, threads: threads) { chunk in runs.withLock { $0[chunk] += 1 } }
    #expect(runs.withLock { $0 } == [Int](repeating: 1, count: chunks))
}
