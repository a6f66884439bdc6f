import ThreadPool

/// Runs of models in floats.
extension Engine {
    /// Cuts the batch into pieces and shares them among the threads; where there are fewer pieces than
    /// threads, the layers are shared. What a sample yields does not depend on its piece.
    func run(_ batch: Batch, on floats: FloatNetwork) {
        let share = (batch.count + threads.threads - 1) / threads.threads
        let size = min(floats.samples, max(share, 1))
        threads.run((batch.count + size - 1) / size) { piece in
            let samples = piece * size..<min((piece + 1) * size, batch.count)
            arenas.withArena { run(batch, samples, on: floats, in: $0) }
        }
    }

    /// Runs some samples, at most as many as a run can have.
    func run(
        _ batch: Batch, _ samples: Range<Int>, on floats: FloatNetwork,
        in arena: UnsafeMutablePointer<UInt8>, stopwatch: Stopwatch? = nil
    ) {
        let run = FloatRun(
            network: floats, arena: arena, count: samples.count,
            logits: batch.logits + samples.lowerBound * outputCount, stopwatch: stopwatch)
        let start = samples.lowerBound * inputCount
        switch batch.input {
        case .pixels(let pixels): run.run(pixels: pixels + start)
        case .samples(let values): run.run(samples: values + start)
        }
    }
}
