import Conversion
import Importing
import Networks

/// What is in an ONNX file or a checkpoint: its layers, by the names that pipeline files take.
public struct NetworkInspection: Codable, Sendable, Equatable {
    public struct Node: Codable, Sendable, Equatable {
        public var name: String
        /// As checkpoints name it, such as `convolution`.
        public var kind: String
        /// 0 is the network's input, n the node before the n-th.
        public var inputs: [Int]
        /// `[channels, height, width]` or `[features]`
        public var outputShape: [Int]
        /// `[outputs, inputs]` or `[outputs, channels, kernelHeight, kernelWidth]`; `nil` for a layer that
        /// stages do not compress.
        public var weightShape: [Int]?
        /// Weights, biases and what else is trained, and how many of them are not zero.
        public var parameters: Int
        public var nonzeros: Int
    }

    public var file: String
    public var network: String
    public var inputShape: [Int]
    /// What becomes of a pixel `p` of a channel: `(p · pixelScale − mean) / deviation`; `nil` where the file
    /// does not say.
    public var pixelScale: Float?
    public var mean: [Float]?
    public var deviation: [Float]?
    public var nodes: [Node]
    /// What of an ONNX file is left out, as `shrink import` says it.
    public var leftOut: String?

    /// An ONNX file, as a pipeline or `shrink import` reads it.
    public init(onnx path: String) throws {
        let imported = try NetworkImport(onnx: path)
        self.init(imported.network, imported.normalization, file: path)
        leftOut = imported.leftOutNote
    }

    /// - Throws: errors of `Model`, and `PipelineError` for a `.shrink` file.
    public init(checkpoint path: String) throws {
        guard case .checkpoint(let network, let normalization, _) = try Model(contentsOf: path)
        else {
            throw PipelineError.noModel(path: path, reason: "is a .shrink file, not a checkpoint")
        }
        self.init(network, normalization, file: path)
    }

    private init(_ network: Network, _ normalization: PixelNormalization?, file: String) {
        self.file = file
        self.network = network.name
        inputShape = channelsFirst(network.inputShape)
        pixelScale = normalization?.pixelScale
        mean = normalization?.mean
        deviation = normalization?.deviation
        nodes = zip(network.nodes, network.shapes).map { Node($0, shape: $1) }
    }

    /// A text for people.
    public func text(usesColor: Bool) -> String {
        var table = TextTable([
            .words("layer"), .words("kind"), .words("reads"), .words("output"), .words("weights"),
            .numbers("parameters"), .numbers("nonzero"),
        ])
        for node in nodes {
            table.append([
                node.name, node.kind,
                node.inputs.map { $0 == 0 ? "input" : nodes[$0 - 1].name }
                    .joined(separator: ", "), "\(node.outputShape)",
                node.weightShape.map { "\($0)" } ?? "–", "\(node.parameters)",
                "\(node.nonzeros)",
            ])
        }
        var pixels = "as the data or the pipeline say"
        if let pixelScale, let mean, let deviation {
            pixels =
                PixelNormalization(pixelScale: pixelScale, mean: mean, deviation: deviation).text
        }
        let count = nodes.reduce(0) { $0 + $1.parameters }
        return """
            \(file): \(network), input \(inputShape), \(nodes.count) layers, \(count) parameters
            pixels: \(pixels)\(leftOut.map { "\n\($0)" } ?? "")

            \(table.text(usesColor: usesColor))
            Stages work on the layers with weights; a pipeline file names them so, or 'first', 'last', 'default'.
            """
    }
}

extension NetworkInspection.Node {
    fileprivate init(_ node: Network.Node, shape: [Int]) {
        name = node.name
        kind = type(of: node.layer).kind
        inputs = node.inputs
        outputShape = channelsFirst(shape)
        (parameters, nonzeros) = (0, 0)
        var layer = node.layer
        layer.visitParameters { name, parameter in
            parameters += parameter.effective.count
            nonzeros += parameter.effective.withUnsafeElements { $0.count { $0 != 0 } }
            if name == "weight", node.hasWeights {
                weightShape = OutputMajor(parameter.effective.shape).shape
            }
        }
    }
}
