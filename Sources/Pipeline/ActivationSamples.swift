import Networks
import Tensors
import Training

/// Some elements of chosen values of a network, over many training images: what the first grids of
/// activations are fitted to.
///
/// Images go through in small batches, and of each image and value only a few elements are kept,
/// spread evenly with a random offset each, besides the extremes of all: memory does not grow with
/// the images.
struct ActivationSamples {
    /// Elements that are kept of a value, at most.
    static let size = 1 << 16
    /// Elements of all values that a batch may have: 256 MB.
    private static let batchElements = 1 << 26

    private var samples: [Int: [Float]] = [:]
    private var extremes: [Int: (low: Float, high: Float)] = [:]
    private var generator: SeededGenerator

    /// - Parameters:
    ///   - values: 0 is the network's input, `k` is the output of `nodes[k - 1]`.
    ///   - count: how many images, at most.
    init(
        of values: Set<Int>, in network: inout Network, on data: LabelledImages, count: Int,
        seed: UInt64, threads: Int
    ) {
        generator = SeededGenerator(seed: seed, stream: 1 << 33)
        let images = min(count, data.count)
        let batchSize = min(
            images, max(1, min(64, Self.batchElements / network.elementsPerSample)))
        let loader = BatchLoader(
            data, batchSize: batchSize, maximalShift: 0, seed: seed, epoch: 0, isBackground: false)
        var pass = Pass(isTraining: false, threads: threads)
        var batch = Batch()
        let quota = max(1, (Self.size - 2) / images)
        let order = values.sorted()
        for _ in 0..<(images + batchSize - 1) / batchSize {
            loader.next(&batch)
            _ = network.forward(batch.images, pass: &pass)
            for value in order { take(network.activation(value), as: value, perImage: quota) }
        }
        for (value, (low, high)) in extremes { samples[value]! += [low, high] }
    }

    /// The sample of a value that was asked for.
    subscript(value: Int) -> [Float] { samples[value] ?? [] }

    private mutating func take(_ activation: Tensor, as value: Int, perImage quota: Int) {
        let images = activation.shape[0]
        let size = activation.count / images
        let parts = min(quota, size)
        activation.withUnsafeElements { elements in
            var (low, high) = extremes[value] ?? (elements[0], elements[0])
            for element in elements {
                low = min(low, element)
                high = max(high, element)
            }
            extremes[value] = (low, high)
            for image in 0..<images {
                for part in 0..<parts {
                    let range = part * size / parts..<(part + 1) * size / parts
                    let index = Int.random(in: range, using: &generator)
                    samples[value, default: []].append(elements[image * size + index])
                }
            }
        }
    }
}
