import Quantization
import Tensors
import Training

extension ExactNetwork {
    /// Values of all layers that the batches of all threads may have: 1 GB in `Double`.
    private static let batchElements = 1 << 27
    private static let largestBatch = 50

    /// Classifies all images, each thread a batch of its own.
    package func evaluate(on data: LabelledImages, threads: Int) -> Evaluation {
        let batch = max(
            1, min(Self.largestBatch, Self.batchElements / (elementsPerSample * threads)))
        var predictions = [Int](repeating: 0, count: data.count)
        predictions.withUnsafeMutableBufferPointer { predictions in
            // Every batch writes places of its own.
            nonisolated(unsafe) let predictions = predictions
            parallel(chunks: (data.count + batch - 1) / batch, threads: threads) { chunk in
                let range = chunk * batch..<min((chunk + 1) * batch, data.count)
                let logits = outputs(for: data.batch(range))
                let classes = logits.count / range.count
                for (row, image) in range.enumerated() {
                    let outputs = logits[row * classes..<(row + 1) * classes]
                    predictions[image] =
                        outputs.indices.max { outputs[$0] < outputs[$1] }! - row * classes
                }
            }
        }
        return Evaluation(predictions: predictions, labels: data.labels)
    }
}
