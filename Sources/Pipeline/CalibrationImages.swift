import Networks
import Tensors
import Training

/// The training images, without their labels, from which a network is calibrated: always the same
/// ones in the same order, in batches of which all values of a network fit in memory.
package struct CalibrationImages {
    /// Elements of all values that a batch may have: 256 MB.
    private static let batchElements = 1 << 26

    package let count: Int
    private let data: LabelledImages
    private let seed: UInt64

    /// - Parameter count: how many images, at most.
    package init(_ data: LabelledImages, count: Int, seed: UInt64) {
        self.count = min(count, data.count)
        self.data = data
        self.seed = seed
    }

    /// - Parameter network: the one that the batches are for.
    package func forEachBatch(for network: Network, _ body: (Tensor) -> Void) {
        let size = min(count, max(1, min(64, Self.batchElements / network.elementsPerSample)))
        let loader = BatchLoader(
            data, batchSize: size, maximalShift: 0, seed: seed, epoch: 0, isBackground: false)
        var batch = Batch()
        for start in stride(from: 0, to: count, by: size) {
            loader.next(&batch)
            body(batch.images.prefix(min(size, count - start)))
        }
    }
}

extension Tensor {
    /// The first images of a batch.
    fileprivate func prefix(_ images: Int) -> Tensor {
        guard images < shape[0] else { return self }
        let size = count / shape[0] * images
        return Tensor(
            shape: [images] + shape.dropFirst(),
            elements: withUnsafeElements { Array($0.prefix(size)) })
    }
}
