import Importing
import Inference
import PackedModel

/// What the engine says of one image.
public struct Classification: Codable, Sendable, Equatable {
    public var index: Int
    /// Of a picture: the path of a single one, the name of one in a folder; `nil` for an image of a file
    /// with many.
    public var file: String?
    public var `class`: Int
    /// The class's name, or its number where names are not known.
    public var name: String
    public var logits: [Float]

    /// The classes with the largest logits, those first.
    public func best(_ count: Int) -> [Int] {
        Array(logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }.prefix(count))
    }
}

extension PackedModel {
    /// Classifies the images of an IDX file, the samples of a `.npy` file, a PNG or JPEG file, or those of a
    /// folder.
    ///
    /// - Parameter limit: how many, from the first, at least 1.
    /// - Throws: `DataSetError` for a file that is none, or for samples of another shape than the
    ///   network reads; `PipelineError.dataDoNotFit` for images of another one.
    public func classify(
        imagesOf path: String, limit: Int? = nil, threads: Int = 1
    ) throws -> [Classification] {
        precondition(limit ?? 1 > 0, "a limit of \(limit ?? 0)")
        let (samples, names) = try samples(path, limit: limit, threads: threads)
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
                index: index, file: names.isEmpty ? nil : names[index], class: best,
                name: name(ofClass: best), logits: row)
        }
    }

    /// A class's name, or its number where names are not known.
    public func name(ofClass index: Int) -> String {
        classNames.indices.contains(index) ? classNames[index] : "\(index)"
    }

    /// Samples in the order that the engine reads, and the names of their files where each has its own.
    private func samples(
        _ path: String, limit: Int?, threads: Int
    ) throws -> (samples: NumPySamples, names: [String]) {
        switch try SampleFile(path: path, limit: limit, shape: input.shape, threads: threads) {
        case .array(let array):
            let samples = try NumPySamples(
                array, inputShape: input.shape, pixelScale: input.pixelScale)
            return (samples, [])
        case .images(let file):
            let found = [1] + file.dimensions.dropFirst()
            guard found == input.shape || input.shape == [found.reduce(1, *)] else {
                throw PipelineError.dataDoNotFit(
                    dataSet: path, found: found, expected: input.shape)
            }
            return (.pixels(file.bytes), [])
        case .pictures(let names, let pixels):
            return (.pixels(pixels), names)
        }
    }
}
