import Importing
import Networks
import Pruning
import Quantization
import Training
import WeightSharing

/// A network from a file that has its graph, to become a checkpoint or the start of a pipeline.
public struct NetworkImport {
    public let network: Network
    /// What becomes of pixels before the network reads them; `nil` where nothing says so.
    public let normalization: PixelNormalization?
    private let path: String
    /// As of `ONNXFile`.
    private var leftOut: [String] = []

    /// - Parameter normalization: in the place of the one that the file may state, of one value a channel or
    ///   one for all.
    /// - Throws: `ONNXError` for a file that is none, or holds what is not supported; `PipelineError` for
    ///   a normalization of another number of channels.
    public init(onnx path: String, normalization: PixelNormalization? = nil) throws {
        self.path = path
        let file = try ONNXFile(path: path)
        network = file.network
        leftOut = file.leftOut
        guard let normalization else {
            self.normalization = file.normalization
            return
        }
        let channels = network.inputShape.last!
        guard normalization.mean.count == 1 || normalization.mean.count == channels else {
            throw PipelineError.normalizationDoesNotFit(
                found: normalization.mean.count, what: path, channels: channels)
        }
        self.normalization = normalization.spread(channels / normalization.mean.count)
    }

    /// A checkpoint of another pipeline, or of `shrink import`.
    ///
    /// - Throws: `SafetensorsError` or `CheckpointError` for a file that is none; `PipelineError` for a
    ///   network that is quantized: stages of floats would not keep its grids.
    init(checkpoint path: String) throws {
        self.path = path
        let checkpoint = try Checkpoint(contentsOf: path, vocabulary: .pipeline)
        if let layer = checkpoint.network.firstQuantized {
            throw PipelineError.noModel(
                path: path,
                reason:
                    "'\(layer)' is quantized, expected a network in floats, which may be pruned "
                    + "or have shared weights")
        }
        network = checkpoint.network
        normalization = try PixelNormalization(noteOf: checkpoint, path: path)
    }

    /// `[channels, height, width]` or `[features]`
    var inputShape: [Int] { channelsFirst(network.inputShape) }

    /// The network, if it takes these images and tells these classes apart.
    func network(inputShape: [Int], classes: Int) throws -> Network {
        guard network.inputShape == inputShape, network.shapes.last == [classes] else {
            throw PipelineError.networkDoesNotFit(
                path: path,
                found: [network.inputShape, network.shapes.last!].map(channelsFirst),
                expected: [channelsFirst(inputShape), [classes]])
        }
        return network
    }

    /// Writes a checkpoint that the other commands read.
    public func write(to path: String) throws {
        var notes = ["source": self.path]
        if let normalization {
            notes[PixelNormalization.noteName] = try normalization.note()
        }
        try Checkpoint(network, notes: notes).write(to: path)
    }

    /// What the network does not do that its file does, if there is such.
    var leftOutNote: String? {
        leftOut.isEmpty
            ? nil
            : "note: \(leftOut.joined(separator: " and ")) at the end left out: the outputs are the "
                + "scores before, and classes have the same order"
    }

    /// What is worth a second look: operations that were left out, a normalization in another unit, a
    /// network of one output.
    public var notes: [String] {
        var notes = leftOutNote.map { [$0] } ?? []
        if let note = normalization?.unitNote { notes.append(note) }
        if network.shapes.last == [1] { notes.append("note: \(DataSetError.oneOutput)") }
        return notes
    }

    /// One line: layers, parameters, shapes.
    public var summary: String {
        "\(network.nodes.count) layers, \(network.parameterCount) parameters, "
            + "\(channelsFirst(network.inputShape)) to \(channelsFirst(network.shapes.last!))"
            + (normalization.map { ", pixels \($0.text)" } ?? "")
    }
}

extension Network {
    /// The name of the first layer that rounds values, or whose parameters are rounded.
    fileprivate var firstQuantized: String? {
        nodes.first { node in
            var (layer, isRounded) = (
                node.layer,
                node.layer is any UniformActivationQuantizer || node.layer is DynamicQuantizer
            )
            layer.visitParameters { _, parameter in
                isRounded =
                    isRounded || !parameter.chain.allSatisfy { $0 is Mask || $0 is Codebook }
            }
            return isRounded
        }?.name
    }
}

/// `[channels, height, width]` of `[height, width, channels]`; other shapes as they are.
func channelsFirst(_ shape: [Int]) -> [Int] {
    shape.count == 3 ? [shape[2], shape[0], shape[1]] : shape
}
