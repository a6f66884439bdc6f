import Dispatch
import Synchronization
import Tensors

/// A batch of shuffled and augmented images.
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

/// Makes the batches of one epoch on a background thread, a few ahead of the training.
///
/// Order, shifts and flips depend on seed and epoch alone, so a resumed run sees what the first would
/// have.
package final class BatchLoader: @unchecked Sendable {
    /// Batches that may be ready at a time: enough for a training whose steps differ in length.
    private static let depth = 4

    private let data: LabelledImages
    private let batchSize: Int
    private let maximalShift: Int
    private let flips: Bool
    private let isBackground: Bool
    private let order: [Int]
    private let queue = DispatchQueue(label: "batches")
    private let ready = DispatchSemaphore(value: 0)
    private let exchange = Mutex(Exchange())
    // Touched by the queue alone, or by the caller alone where nothing is made in the background.
    private var generator: SeededGenerator
    private var position = 0

    /// What goes to and fro between the training and the queue.
    private struct Exchange {
        /// In the order in which they were made.
        var made: [Batch] = []
        /// Used ones, whose memory serves again, the last used one behind the others.
        var spare: [Batch] = []

        /// Memory for a batch; never the last used one, which the network may still hold.
        mutating func memory() -> Batch { spare.count > 1 ? spare.removeFirst() : Batch() }
    }

    package init(
        _ data: LabelledImages, batchSize: Int, maximalShift: Int, flips: Bool = false,
        seed: UInt64, epoch: Int, isBackground: Bool
    ) {
        self.data = data
        self.batchSize = batchSize
        self.maximalShift = maximalShift
        self.flips = flips
        self.isBackground = isBackground
        generator = SeededGenerator(seed: seed, stream: UInt64(epoch) &* 2 &+ 1)
        order = Array(0..<data.count).shuffled(using: &generator)
        for _ in 0..<Self.depth { request() }
    }

    /// Batches of an epoch, the last one smaller where the size does not divide the count.
    package static func batches(count: Int, size: Int) -> Int { (count + size - 1) / size }

    /// Puts the next batch in the place of `batch`, whose memory serves a later one.
    package func next(_ batch: inout Batch) {
        guard isBackground else { return make(&batch) }
        ready.wait()
        exchange.withLock {
            $0.spare.append(batch)
            batch = $0.made.removeFirst()
        }
        request()
    }

    /// Has one more batch made, unless the epoch is over when its turn comes.
    private func request() {
        guard isBackground else { return }
        queue.async { [self] in
            guard position < data.count else { return }
            var batch = exchange.withLock { $0.memory() }
            make(&batch)
            exchange.withLock { $0.made.append(batch) }
            ready.signal()
        }
    }

    private func make(_ batch: inout Batch) {
        let range = position..<min(position + batchSize, data.count)
        position = range.upperBound
        let size = data.shape.reduce(1, *)
        batch.images.resize(to: [range.count] + data.inputShape)
        batch.labels = order[range].map { data.labels[$0] }
        batch.images.withUnsafeMutableElements { target in
            for (slot, index) in order[range].enumerated() {
                data.write(index, augmentation(), to: target.baseAddress! + slot * size)
            }
        }
    }

    /// Drawn anew for every image.
    private func augmentation() -> Augmentation {
        var augmentation = Augmentation()
        if maximalShift > 0 {
            let range = -maximalShift...maximalShift
            augmentation.down = Int.random(in: range, using: &generator)
            augmentation.right = Int.random(in: range, using: &generator)
        }
        if flips { augmentation.isFlipped = Bool.random(using: &generator) }
        return augmentation
    }
}
