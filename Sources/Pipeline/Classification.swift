import Importing
import Inference
import PackedModel

/// What the engine says of one image.
public struct Classification: Codable, Sendable, Equatable {
    public var index: Int
    public var `class`: Int
    /// The class's name, or its number where names are not known.
    public var name: String
    public var logits: [Float]
}

extension PackedModel {
    /// Classifies the images of an IDX file, or the samples of a `.npy` file.
    ///
    /// - Throws: `DataSetError` for a file that is none, or for samples of another shape than the
    ///   network reads; `PipelineError.dataDoNotFit` for images of another one.
    public func classify(
        imagesOf path: String, limit: Int? = nil, threads: Int = 1
    ) throws -> [Classification] {
        let samples = try samples(path)
        let engine = try Engine(self, options: EngineOptions(threads: threads))
        let size = engine.inputCount
        let logits: [Float]
        switch samples {
        case .pixels(let pixels):
            let count = min(limit ?? .max, pixels.count / size)
            logits = engine.logits(pixels: Array(pixels[..<(count * size)]))
        case .raw(let values):
            let count = min(limit ?? .max, values.count / size)
            logits = engine.logits(samples: Array(values[..<(count * size)]))
        }
        return (0..<logits.count / engine.outputCount).map { index in
            let row = Array(logits[index * engine.outputCount..<(index + 1) * engine.outputCount])
            let best = row.indices.max { row[$0] < row[$1] } ?? 0
            return Classification(
                index: index, class: best,
                name: classNames.indices.contains(best) ? classNames[best] : "\(best)",
                logits: row)
        }
    }

    /// Samples in the order that the engine reads.
    private func samples(_ path: String) throws -> NumPySamples {
        switch try SampleFile(path: path) {
        case .array(let array):
            return try NumPySamples(
                array, inputShape: input.shape, pixelScale: input.pixelScale)
        case .images(let file):
            let found = [1] + file.dimensions.dropFirst()
            guard found == input.shape else {
                throw PipelineError.dataDoNotFit(
                    dataSet: path, found: Array(found), expected: input.shape)
            }
            return .pixels(file.bytes)
        }
    }
}
