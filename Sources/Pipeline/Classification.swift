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
    /// Classifies the images of an IDX file.
    ///
    /// - Throws: `DataSetError` for a file that is none, `PipelineError.dataDoNotFit` for images of
    ///   another shape than the network reads.
    public func classify(
        imagesOf path: String, limit: Int? = nil, threads: Int = 1
    ) throws -> [Classification] {
        let file = try IDXFile(path: path, rank: 3)
        let found = [1] + file.dimensions.dropFirst()
        guard found == input.shape else {
            throw PipelineError.dataDoNotFit(
                dataSet: path, found: Array(found), expected: input.shape)
        }
        let count = min(limit ?? file.dimensions[0], file.dimensions[0])
        let size = input.shape.reduce(1, *)
        let engine = try Engine(self, options: EngineOptions(threads: threads))
        let logits = engine.logits(pixels: Array(file.bytes[..<(count * size)]))
        return (0..<count).map { index in
            let row = Array(logits[index * engine.outputCount..<(index + 1) * engine.outputCount])
            let best = row.indices.max { row[$0] < row[$1] } ?? 0
            return Classification(
                index: index, class: best,
                name: classNames.indices.contains(best) ? classNames[best] : "\(best)",
                logits: row)
        }
    }
}
