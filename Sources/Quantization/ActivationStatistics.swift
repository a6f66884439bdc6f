import Tensors

/// What is known of a value of a network after some batches: all that a calibration looks at, in
/// memory that does not grow with the number of images.
public struct ActivationStatistics: Sendable {
    public struct Extremes: Sendable, Equatable {
        public var low: Float
        public var high: Float

        public init(low: Float, high: Float) {
            (self.low, self.high) = (low, high)
        }
    }

    /// Of each batch, in their order.
    public private(set) var batches: [Extremes] = []
    /// Of all elements, if it is kept.
    public private(set) var histogram: Histogram?
    /// A few elements of each image, or all elements.
    private var kept: [Float] = []
    private var keepsAll = false

    public init(keepsHistogram: Bool) {
        histogram = keepsHistogram ? Histogram() : nil
    }

    /// Those of values that are all there, as one batch.
    public init(of values: [Float]) {
        self.init(keepsHistogram: true)
        values.withUnsafeBufferPointer { note($0) }
        (kept, keepsAll) = (values, true)
    }

    /// Of all elements; `nil` if there are none.
    public var extremes: Extremes? {
        guard let first = batches.first else { return nil }
        return batches.reduce(first) {
            Extremes(low: min($0.low, $1.low), high: max($0.high, $1.high))
        }
    }

    /// Elements that stand for all, and the extremes of all.
    public var sample: [Float] {
        guard !keepsAll, let extremes else { return kept }
        return kept + [extremes.low, extremes.high]
    }

    /// Notes a batch `[images, ...]`.
    /// - Parameter perImage: how many elements of an image are kept for the sample, at most: spread
    ///   evenly, each at a random place of its part.
    public mutating func add(
        _ batch: Tensor, perImage quota: Int, using generator: inout some RandomNumberGenerator
    ) {
        let images = batch.shape[0]
        let size = batch.count / images
        let parts = min(quota, size)
        batch.withUnsafeElements { elements in
            note(elements)
            for image in 0..<images {
                for part in 0..<parts {
                    let range = part * size / parts..<(part + 1) * size / parts
                    kept.append(elements[image * size + Int.random(in: range, using: &generator)])
                }
            }
        }
    }

    private mutating func note(_ elements: UnsafeBufferPointer<Float>) {
        guard var low = elements.first else { return }
        var high = low
        for element in elements {
            low = min(low, element)
            high = max(high, element)
        }
        batches.append(Extremes(low: low, high: high))
        histogram?.add(elements)
    }
}
