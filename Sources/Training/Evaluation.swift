import Networks
import Tensors

/// What a network says about a set of images.
public struct Evaluation: Sendable, Equatable {
    /// The class with the largest output for each image; the first where several are equal.
    public var predictions: [Int]
    public var correct: Int

    /// The share of images whose prediction is their label: `correct / count`.
    public var top1: Double { Double(correct) / Double(predictions.count) }
    public var count: Int { predictions.count }

    public init(predictions: [Int], labels: [Int]) {
        precondition(predictions.count == labels.count && !labels.isEmpty)
        self.predictions = predictions
        correct = zip(predictions, labels).count { $0 == $1 }
    }

    /// The share of images on which both predict the same class.
    public func agreement(with other: Evaluation) -> Double {
        precondition(predictions.count == other.predictions.count)
        let same = zip(predictions, other.predictions).count { $0 == $1 }
        return Double(same) / Double(predictions.count)
    }
}

extension Network {
    /// Values of all layers that a batch may have: 1 GB.
    private static let batchElements = 1 << 28

    /// Classifies all images, in batches of up to `batchSize` where images are small.
    public mutating func evaluate(
        on data: LabelledImages, threads: Int, batchSize: Int = 250
    ) -> Evaluation {
        var pass = Pass(isTraining: false, threads: threads)
        var predictions: [Int] = []
        let batchSize = min(batchSize, max(1, Self.batchElements / elementsPerSample))
        for start in stride(from: 0, to: data.count, by: batchSize) {
            let range = start..<min(start + batchSize, data.count)
            let logits = forward(data.batch(range), pass: &pass).elements
            let classes = logits.count / range.count
            for row in stride(from: 0, to: logits.count, by: classes) {
                let outputs = logits[row..<row + classes]
                predictions.append(outputs.indices.max { outputs[$0] < outputs[$1] }! - row)
            }
        }
        return Evaluation(predictions: predictions, labels: data.labels)
    }
}
