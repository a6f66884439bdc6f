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
    /// With what becomes of pixels before the network reads them, and the names of the classes, if the
    /// checkpoint says.
    case checkpoint(Network, PixelNormalization? = nil, classNames: [String] = [])
    case packed(PackedModel)

    /// Tells the kinds apart by their content.
    public init(contentsOf path: String) throws {
        if let bytes = try Self.packedBytes(path) {
            self = .packed(try Self.packed(bytes, path: path))
        } else {
            let checkpoint = try Checkpoint(contentsOf: path, vocabulary: .pipeline)
            self = .checkpoint(
                checkpoint.network, try PixelNormalization(noteOf: checkpoint, path: path),
                classNames: try checkpoint.classNames(path: path))
        }
    }

    /// The content of a file that is no checkpoint, or `nil`. The file may be a pipe.
    static func packedBytes(_ path: String) throws -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw FileError(operation: .read, path: path, code: errno)
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
            throw FileError(operation: .read, path: path, code: EISDIR)
        }
        let start = try file.read(upToCount: 9) ?? Data()
        // A safetensors file starts with the length of its header, then the header's brace.
        if start.count > 8, start[8] == UInt8(ascii: "{") { return nil }
        return try [UInt8](start + (file.readToEnd() ?? Data()))
    }

    /// The model of a `.shrink` file.
    static func packed(_ bytes: [UInt8], path: String) throws -> PackedModel {
        guard !PyTorchFile.isBegun(by: bytes) else { throw SafetensorsError.pyTorch(file: path) }
        guard bytes.starts(with: Container.magic) else {
            throw PipelineError.noModel(
                path: path,
                reason: "neither a .shrink file nor a checkpoint (.safetensors); "
                    + "'shrink import' makes a checkpoint of an ONNX file")
        }
        do {
            return try Container.read(bytes)
        } catch {
            throw PipelineError.noModel(path: path, reason: "\(error)")
        }
    }

    /// Runs `body` on what is in the file at `path`. Where the engine refuses that, the error names it.
    public static func naming<Result>(
        _ path: String, _ body: () throws -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch let error as EngineError {
            switch error {
            case .threads, .instructionSet: throw error
            default: throw PipelineError.noModel(path: path, reason: "\(error)")
            }
        }
    }

    /// `[channels, height, width]` or `[features]` of an input.
    public var inputShape: [Int] {
        switch self {
        case .checkpoint(let network, _, _):
            return channelsFirst(network.inputShape)
        case .packed(let model): return model.input.shape
        }
    }

    /// How many classes it tells apart.
    public var classCount: Int {
        get throws {
            switch self {
            case .checkpoint(let network, _, _): network.shapes.last!.reduce(1, *)
            case .packed(let model): try Engine(model).outputCount
            }
        }
    }

    /// One a class, or empty if they are not known.
    private var classNames: [String] {
        switch self {
        case .checkpoint(_, _, let classNames): classNames
        case .packed(let model): model.classNames
        }
    }

    /// A data set in the shape that this model reads, with the labels that it has for its classes
    /// (`DataSet.fitted`, `DataSet.labelled`).
    /// - Throws: `PipelineError`, `DataSetError` where images or classes do not fit.
    package func labelled(_ set: DataSet) throws -> DataSet {
        let set = set.fitted(to: inputShape)
        guard set.imageShape == inputShape else {
            throw PipelineError.dataDoNotFit(
                dataSet: set.name, found: set.imageShape, expected: inputShape)
        }
        return try set.labelled(for: classNames, count: classCount)
    }

    /// Classifies a data set: checkpoints in floats, `.shrink` files in the integer engine.
    public func evaluate(
        on set: DataSet, threads: Int
    ) throws -> (evaluation: Evaluation, seconds: Double) {
        let set = try labelled(set)
        let begin = ContinuousClock.now
        let predictions: [Int]
        switch self {
        case .checkpoint(var network, let normalization, _):
            let images = LabelledImages(set, normalization ?? PixelNormalization(scaling: set))
            predictions = network.evaluate(on: images, threads: threads).predictions
        case .packed(let model):
            predictions = try Engine(model, options: EngineOptions(threads: threads))
                .predict(pixels: set.pixels)
        }
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        return (Evaluation(predictions: predictions, labels: set.labels), seconds)
    }
}

extension DataSetSource {
    /// A data set by its name (`mnist`), by a folder with its files (`Data/mnist`), or by a `.npz`
    /// archive.
    /// - Parameter classes: how many, or the path of a file with their names (`ClassList`).
    public init(nameOrFolder text: String, classes: String? = nil) throws {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: text, isDirectory: &isFolder)
        if !exists {
            if let ending = [".npz", ".npy", ".gz"].first(where: { text.hasSuffix($0) }) {
                throw DataSetError.unreadable(file: text, reason: "no such \(ending) file")
            }
            try self.init(named: text)
        } else if isFolder.boolValue {
            self.init(folder: text, name: URL(fileURLWithPath: text).lastPathComponent)
        } else {
            self.init(archive: text)
        }
        if let classes { self = try stating(ClassList(classes)) }
    }
}
