import Dispatch

/// A batch of raw input and the room for its logits; threads work on different samples of it.
struct Batch: @unchecked Sendable {
    enum Input {
        case pixels(UnsafePointer<UInt8>)
        case samples(UnsafePointer<Float>)
    }

    let input: Input
    let count: Int
    let logits: UnsafeMutablePointer<Float>
}

extension Engine {
    /// Samples in a block, which one thread runs at a time.
    private static var blockSize: Int { 64 }
    /// From so many samples on, running a whole block costs less than running them one by one.
    private static var leastInBlock: Int { 16 }
    /// Work for which waking a second thread pays, in nanoseconds.
    private static var leastParallelWork: Double { 100_000 }

    /// Cuts the batch into blocks of constant size and shares them among the threads.
    func run(_ batch: Batch) {
        let blocks = (batch.count + Self.blockSize - 1) / Self.blockSize
        let work = Double(batch.count) * network.estimatedNanoseconds
        let workers = work < Self.leastParallelWork ? 1 : min(options.threads, blocks)
        if workers == 1 {
            runBlocks(of: batch, first: 0, step: 1)
        } else {
            DispatchQueue.concurrentPerform(iterations: workers) { worker in
                runBlocks(of: batch, first: worker, step: workers)
            }
        }
    }

    /// Runs every `step`-th block from `first` on.
    private func runBlocks(of batch: Batch, first: Int, step: Int) {
        arenas.withArena { arena in
            var start = first * Self.blockSize
            while start < batch.count {
                let end = min(start + Self.blockSize, batch.count)
                runBlock(batch, start..<end, in: arena)
                start += step * Self.blockSize
            }
        }
    }

    private func runBlock(
        _ batch: Batch, _ samples: Range<Int>, in arena: UnsafeMutablePointer<UInt8>
    ) {
        if let block = network.block, samples.count >= Self.leastInBlock {
            run(block, batch, samples, in: arena)
        } else {
            for sample in samples { run(network.single, batch, sample..<sample + 1, in: arena) }
        }
    }

    private func run(
        _ program: Program, _ batch: Batch, _ samples: Range<Int>,
        in arena: UnsafeMutablePointer<UInt8>
    ) {
        let run = ProgramRun(
            network: network, program: program, arena: arena, count: samples.count,
            logits: batch.logits + samples.lowerBound * outputCount)
        let start = samples.lowerBound * inputCount
        switch batch.input {
        case .pixels(let pixels): run.run(pixels: pixels + start)
        case .samples(let values): run.run(samples: values + start)
        }
    }
}
