import Networks
import Quantization
import Tensors

/// What is seen of chosen values of a network over the calibration images.
struct ActivationSamples {
    /// Elements that are kept of a value, at most, its extremes included.
    static let size = 1 << 16

    private var statistics: [Int: ActivationStatistics] = [:]

    /// - Parameters:
    ///   - values: 0 is the network's input, `k` is the output of `nodes[k - 1]`.
    ///   - keepsHistograms: whether the calibration looks at them.
    init(
        of values: Set<Int>, in network: inout Network, on images: CalibrationImages,
        keepsHistograms: Bool, seed: UInt64, threads: Int
    ) {
        var generator = SeededGenerator(seed: seed, stream: 1 << 33)
        var pass = Pass(isTraining: false, threads: threads)
        let quota = max(1, (Self.size - 2) / images.count)
        let order = values.sorted()
        for value in order {
            statistics[value] = ActivationStatistics(keepsHistogram: keepsHistograms)
        }
        images.forEachBatch(for: network) { batch in
            _ = network.forward(batch, pass: &pass)
            for value in order {
                statistics[value]!.add(
                    network.activation(value), perImage: quota, using: &generator)
            }
        }
    }

    /// Of a value that was asked for.
    subscript(value: Int) -> ActivationStatistics { statistics[value]! }
}
