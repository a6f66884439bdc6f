import Importing
import Networks
import Training

/// A network from an ONNX file, to become a checkpoint or the start of a pipeline.
public struct NetworkImport {
    public let network: Network
    private let path: String

    /// - Throws: `ONNXError` for a file that is none, or holds what is not supported.
    public init(onnx path: String) throws {
        self.path = path
        network = try Network(onnx: path)
    }

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
        try Checkpoint(network, notes: ["source": self.path]).write(to: path)
    }

    /// One line: layers, parameters, shapes.
    public var summary: String {
        "\(network.nodes.count) layers, \(network.parameterCount) parameters, "
            + "\(channelsFirst(network.inputShape)) to \(channelsFirst(network.shapes.last!))"
    }
}

/// `[channels, height, width]` of `[height, width, channels]`; other shapes as they are.
func channelsFirst(_ shape: [Int]) -> [Int] {
    shape.count == 3 ? [shape[2], shape[0], shape[1]] : shape
}
