import Container
import Foundation
import Importing
import Inference
import Networks
import PackedModel
import Tensors
import Training

/// A network from a file of either kind: a checkpoint of training, or a `.shrink` file.
public enum Model {
    /// With what becomes of pixels before the network reads them, if the checkpoint says.
    case checkpoint(Network, PixelNormalization? = nil)
    case packed(PackedModel)

    /// Tells the kinds apart by their content.
    public init(contentsOf path: String) throws {
        let unreadable = PipelineError.noModel(
            path: path, reason: "no such file, or it can not be read")
        guard let file = FileHandle(forReadingAtPath: path),
            let start = try? file.read(upToCount: 9) ?? Data()
        else { throw unreadable }
        // A safetensors file starts with the length of its header, then the header's brace.
        if start.count > 8, start[8] == UInt8(ascii: "{") {
            let checkpoint = try Checkpoint(contentsOf: path, vocabulary: .pipeline)
            self = .checkpoint(
                checkpoint.network, try PixelNormalization(noteOf: checkpoint, path: path))
            return
        }
        guard let data = FileManager.default.contents(atPath: path) else { throw unreadable }
        do {
            self = .packed(try Container.read([UInt8](data)))
        } catch {
            throw PipelineError.noModel(path: path, reason: "\(error)")
        }
    }

    /// `[channels, height, width]` or `[features]` of an input.
    public var inputShape: [Int] {
        switch self {
        case .checkpoint(let network, _):
            let shape = network.inputShape
            return shape.count == 3 ? [shape[2], shape[0], shape[1]] : shape
        case .packed(let model): return model.input.shape
        }
    }

    /// Classifies a data set: checkpoints in floats, `.shrink` files in the integer engine.
    public func evaluate(
        on set: DataSet, threads: Int
    ) throws -> (evaluation: Evaluation, seconds: Double) {
        guard set.imageShape == inputShape else {
            throw PipelineError.dataDoNotFit(
                dataSet: set.name, found: set.imageShape, expected: inputShape)
        }
        let labels = set.labels.map { Int($0) }
        let begin = ContinuousClock.now
        let predictions: [Int]
        switch self {
        case .checkpoint(var network, let normalization):
            let images = LabelledImages(set, normalization ?? PixelNormalization(scaling: set))
            predictions = network.evaluate(on: images, threads: threads).predictions
        case .packed(let model):
            predictions = try Engine(model, options: EngineOptions(threads: threads))
                .predict(pixels: set.pixels)
        }
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        return (Evaluation(predictions: predictions, labels: labels), seconds)
    }
}

extension DataSetSource {
    /// A data set by its name (`mnist`), by a folder with its files (`Data/mnist`), or by a `.npz`
    /// archive.
    public init(nameOrFolder text: String) throws {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: text, isDirectory: &isFolder) else {
            try self.init(named: text)
            return
        }
        if isFolder.boolValue {
            self.init(folder: text, name: URL(fileURLWithPath: text).lastPathComponent)
        } else {
            self.init(archive: text)
        }
    }
}
