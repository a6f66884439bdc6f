import ThreadPool

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
    /// Work that a thread should have before it takes the next, in nanoseconds.
    private static var leastPieceWork: Double { 20_000 }

    /// Cuts the batch into pieces of constant size and shares them among the threads.
    func run(_ batch: Batch) {
        if batch.count == 1, let vectorRun, case .pixels(let pixels) = batch.input {
            return arenas.withArena {
                vectorRun.run(pixels: pixels, in: $0, logits: batch.logits)
            }
        }
        if let floats { return run(batch, on: floats) }
        let size = samplesInPiece(of: batch.count)
        let pieces = (batch.count + size - 1) / size
        if pieces == 1 {
            return arenas.withArena { run(batch, 0..<batch.count, in: $0, helpers: self.helpers) }
        }
        // Where there are fewer pieces than threads, threads share the layers of each instead.
        let sharesPieces = pieces >= threads.threads
        let pool = sharesPieces ? threads : nil
        let helpers = sharesPieces ? nil : helpers
        run(pieces, on: pool) { piece in
            let samples = piece * size..<min((piece + 1) * size, batch.count)
            arenas.withArena { run(batch, samples, in: $0, helpers: helpers) }
        }
    }

    /// Who shares the layers of a run; `nil` with one thread.
    var helpers: Helpers? {
        guard threads.threads > 1 else { return nil }
        return Helpers(
            threads: threads, scratches: scratches, leastWork: options.leastSharedWork)
    }

    private func run(_ pieces: Int, on pool: ThreadPool?, _ body: (Int) -> Void) {
        if let pool { return pool.run(pieces, body) }
        for piece in 0..<pieces { body(piece) }
    }

    /// A block, or as many samples as are worth a thread's while where they run one by one.
    private func samplesInPiece(of count: Int) -> Int {
        switch network.together {
        case .all(let block, let least) where count >= least: return block.lanes
        case .lastLayers(let last, let least):
            // Equal ones for all threads, if the last layers then still are worth a block.
            let share = (count + threads.threads - 1) / threads.threads
            let rounds = (share + last.program.lanes - 1) / last.program.lanes
            if share >= least { return (share + rounds - 1) / rounds }
        default: break
        }
        let samples = Self.leastPieceWork / max(network.estimatedNanoseconds, 1)
        return min(max(Int(samples), 1), 64)
    }

    /// Runs some samples one after the other, or as a block.
    func run(
        _ batch: Batch, _ samples: Range<Int>, in arena: UnsafeMutablePointer<UInt8>,
        helpers: Helpers? = nil, stopwatch: Stopwatch? = nil
    ) {
        switch network.together {
        case .all(let block, let least) where samples.count >= least:
            return run(block, batch, samples, in: arena, helpers, stopwatch)
        case .lastLayers(let last, let least) where samples.count >= least:
            return run(last, batch, samples, in: arena, helpers, stopwatch)
        default: break
        }
        if stopwatch == nil, let vectorRun, case .pixels(let pixels) = batch.input {
            for sample in samples {
                vectorRun.run(
                    pixels: pixels + sample * inputCount, in: arena,
                    logits: batch.logits + sample * outputCount)
            }
        } else {
            for sample in samples {
                run(network.single, batch, sample..<sample + 1, in: arena, helpers, stopwatch)
            }
        }
    }

    private func run(
        _ program: Program, _ batch: Batch, _ samples: Range<Int>,
        in arena: UnsafeMutablePointer<UInt8>, _ helpers: Helpers?, _ stopwatch: Stopwatch?
    ) {
        read(
            batch, samples,
            by: ProgramRun(
                network: network, program: program, arena: arena, count: samples.count,
                logits: batch.logits + samples.lowerBound * outputCount, helpers: helpers,
                stopwatch: stopwatch))
    }

    /// Runs some samples one after the other up to the last layers, and those as a block.
    private func run(
        _ last: LastLayers, _ batch: Batch, _ samples: Range<Int>,
        in arena: UnsafeMutablePointer<UInt8>, _ helpers: Helpers?, _ stopwatch: Stopwatch?
    ) {
        let features = arena + network.lastLayersOffset
        let logits = batch.logits + samples.lowerBound * outputCount
        for sample in samples {
            let run = ProgramRun(
                network: network, program: network.single, stepCount: last.stepsBefore,
                arena: arena, count: 1, logits: logits, helpers: helpers, stopwatch: stopwatch)
            read(batch, sample..<sample + 1, by: run)
            (features + (sample - samples.lowerBound) * last.featureCount)
                .update(from: run.bytes(last.features), count: last.featureCount)
        }
        ProgramRun(
            network: network, program: last.program, arena: features + last.featureBytes,
            count: samples.count, logits: logits, helpers: helpers, stopwatch: stopwatch
        ).run(bytes: features, count: last.featureCount, identity: last.identity)
    }

    private func read(_ batch: Batch, _ samples: Range<Int>, by run: ProgramRun) {
        let start = samples.lowerBound * inputCount
        switch batch.input {
        case .pixels(let pixels): run.run(pixels: pixels + start)
        case .samples(let values): run.run(samples: values + start)
        }
    }
}
