/// Adds up what the nodes of a network take while it runs.
final class Stopwatch {
    /// Nanoseconds of each node.
    private(set) var nanoseconds: [Double]

    init(nodes: Int) { nanoseconds = [Double](repeating: 0, count: nodes) }

    /// Does a step of `node` and adds its time.
    func time(_ node: Int, _ step: () -> Void) {
        let begin = ContinuousClock.now
        step()
        nanoseconds[node] += (ContinuousClock.now - begin) / .nanoseconds(1)
    }
}

/// What a node of the network took.
package struct NodeTime: Sendable, Equatable {
    package var name: String
    /// For the whole batch.
    package var nanoseconds: Double
    /// Values that the node reads and writes, in bytes, for one sample.
    package var activationBytes: Int
}

extension Engine {
    /// How many values a single sample's run copies, with another border or by phases of a stride.
    package var copyCount: Int {
        network.single.steps.count { if case .planes = $0 { true } else { false } }
    }

    /// How long each node takes for `count` samples of zeros if threads share it, the median of `turns`.
    ///
    /// Reading the clock adds some 50 ns a step. Nodes that move no data take no time.
    package func profile(count: Int, turns: Int) -> [NodeTime] {
        let pixels = [UInt8](repeating: 0, count: count * inputCount)
        var logits = [Float](repeating: 0, count: count * outputCount)
        let runs = (0..<turns).map { _ in profiledRun(pixels, count, &logits) }
        return nodes.indices.map { index in
            let times = runs.map { $0[index] }.sorted()
            return NodeTime(
                name: nodes[index].name, nanoseconds: times[times.count / 2],
                activationBytes: nodes[index].activationBytes)
        }
    }

    private var nodes: [(name: String, activationBytes: Int)] { floats?.nodes ?? network.nodes }

    private func profiledRun(_ pixels: [UInt8], _ count: Int, _ logits: inout [Float]) -> [Double] {
        let stopwatch = Stopwatch(nodes: nodes.count)
        pixels.withUnsafeBufferPointer { pixels in
            logits.withUnsafeMutableBufferPointer { logits in
                let batch = Batch(
                    input: .pixels(pixels.baseAddress!), count: count,
                    logits: logits.baseAddress!)
                arenas.withArena { arena in
                    for start in stride(from: 0, to: count, by: plan.blockSize) {
                        let samples = start..<min(start + plan.blockSize, count)
                        if let floats {
                            run(batch, samples, on: floats, in: arena, stopwatch: stopwatch)
                        } else {
                            run(batch, samples, in: arena, helpers: helpers, stopwatch: stopwatch)
                        }
                    }
                }
            }
        }
        return stopwatch.nanoseconds
    }
}
