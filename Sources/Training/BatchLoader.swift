import Dispatch
import Tensors

/// A batch of shuffled and shifted images.
package struct Batch: Sendable {
    /// `[batch, height, width, channels]`
    package var images: Tensor
    package var labels: [Int]

    /// No images, until a loader puts some here.
    package init() {
        images = .empty
        labels = []
    }
}

/// Makes the batches of one epoch, each on a background thread while the one before is trained on.
///
/// Order and shifts depend on seed and epoch alone, so a resumed run sees what the first would have.
package final class BatchLoader: @unchecked Sendable {
    private let data: LabelledImages
    private let batchSize: Int
    private let maximalShift: Int
    private let order: [Int]
    private let queue = DispatchQueue(label: "batches")
    private let ready = DispatchSemaphore(value: 0)
    // Touched by the queue while a batch is being made, by the caller between `ready` and `request`.
    private var generator: SeededGenerator
    private var position = 0
    private var made: Batch
    private let isBackground: Bool

    package init(
        _ data: LabelledImages, batchSize: Int, maximalShift: Int, seed: UInt64, epoch: Int,
        isBackground: Bool
    ) {
        self.data = data
        self.batchSize = batchSize
        self.maximalShift = maximalShift
        self.isBackground = isBackground
        generator = SeededGenerator(seed: seed, stream: UInt64(epoch) &* 2 &+ 1)
        order = Array(0..<data.count).shuffled(using: &generator)
        made = Batch()
        request()
    }

    /// Batches of an epoch, the last one smaller where the size does not divide the count.
    package static func batches(count: Int, size: Int) -> Int { (count + size - 1) / size }

    /// Puts the next batch in the place of `batch`, whose memory serves the one after it.
    package func next(_ batch: inout Batch) {
        if isBackground { ready.wait() } else { make() }
        swap(&batch, &made)
        request()
    }

    private func request() {
        guard isBackground, position < data.count else { return }
        queue.async {
            self.make()
            self.ready.signal()
        }
    }

    private func make() {
        let range = position..<min(position + batchSize, data.count)
        position = range.upperBound
        let size = data.shape.reduce(1, *)
        made.images.resize(to: [range.count] + data.inputShape)
        made.labels = order[range].map { data.labels[$0] }
        made.images.withUnsafeMutableElements { target in
            for (slot, index) in order[range].enumerated() {
                data.write(index, shift: shift(), to: target.baseAddress! + slot * size)
            }
        }
    }

    private func shift() -> (down: Int, right: Int) {
        guard maximalShift > 0 else { return (0, 0) }
        let range = -maximalShift...maximalShift
        return (Int.random(in: range, using: &generator), Int.random(in: range, using: &generator))
    }
}
