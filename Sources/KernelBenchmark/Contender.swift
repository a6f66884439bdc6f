import CBaselines

/// Something to time, with the weights that it reads.
struct Contender {
    var name: String
    var memory: [UnsafeRawBufferPointer]
    /// Bytes of weights for each that is not zero.
    var bytesPerNonzero: Double
    var run: () -> Void

    func evict() { for part in memory { cbl_evict(part.baseAddress, part.count) } }

    /// Microseconds of one run.
    func time() -> Double {
        let start = cbl_thread_nanoseconds()
        run()
        return Double(cbl_thread_nanoseconds() - start) / 1000
    }
}

/// Microseconds of a run.
struct Time {
    var warm: Double
    var cold: Double
}

/// Times all contenders in turns, so that a busy moment of the machine hits all of them.
func timed(_ contenders: [Contender], rounds: Int = 9, warmRuns: Int = 4) -> [Time] {
    var warm = [Double](repeating: .infinity, count: contenders.count)
    var cold = [[Double]](repeating: [], count: contenders.count)
    for _ in 0..<rounds {
        for (index, contender) in contenders.enumerated() {
            contender.evict()
            cold[index].append(contender.time())
            for _ in 0..<warmRuns { warm[index] = min(warm[index], contender.time()) }
        }
    }
    return zip(warm, cold).map { Time(warm: $0, cold: $1.sorted()[rounds / 2]) }
}
