import Container
import Foundation
import Inference
import Networks
import PackedModel

/// What is in a `.shrink` file: where its bytes are and how the engine runs it.
public struct Inspection: Codable, Sendable, Equatable {
    public struct Tensor: Codable, Sendable, Equatable {
        public var name: String
        /// `[outputs, inputs]` or `[outputs, channels, kernelHeight, kernelWidth]`
        public var shape: [Int]
        public var weights: Int
        public var nonzeros: Int
        /// How a weight is stored: `float16` or `integer`.
        public var values: String
        /// The coding, its scan order and whether Zstandard came out smaller on top of it.
        public var mode: String
        public var scanOrder: String
        public var usesZstd: Bool
        public var bytes: Int
        public var bitsPerNonzero: Double?
        public var weightBitsCoded: Double?
        public var indexBitsCoded: Double?
        public var entropyBoundBytes: Int
        /// `bytes / entropyBoundBytes`
        public var boundRatio: Double?
        /// How the engine runs the layer.
        public var kernel: String?
        public var blockKernel: String?
        public var packedBytes: Int?
        public var multiplyAdds: Int?
        public var accumulatorBound: Int?
        /// For one sample, from the costs of the kernels.
        public var estimatedMicroseconds: Double?
    }

    public struct Node: Codable, Sendable, Equatable {
        public var name: String
        public var operation: String
        public var inputs: [Int]
        public var quantizer: String?
    }

    public var file: String
    public var network: String
    public var inputShape: [Int]
    /// What becomes of a pixel `p` of a channel: `(p · pixelScale − mean) / deviation`.
    public var pixelScale: Float
    public var mean: [Float]
    public var deviation: [Float]
    /// Empty where they are not known.
    public var classNames: [String]
    public var fileBytes: Int
    public var headerBytes: Int
    public var metadataBytes: Int
    public var float32Bytes: Int
    public var compressionRatio: Double
    /// `integers` or `floats`.
    public var arithmetic: String
    public var isa: String
    public var nodes: [Node]
    public var tensors: [Tensor]

    /// - Throws: `PipelineError` for a file that is no `.shrink` file.
    public init(contentsOf path: String) throws {
        guard let bytes = try Model.packedBytes(path) else {
            throw PipelineError.notEncoded(path: path)
        }
        let model = try Model.packed(bytes, path: path)
        let summary = try Container.inspect(bytes)
        let plan = try Model.naming(path) { try Engine(model).plan }
        file = path
        network = model.name
        arithmetic = model.isFloat ? "floats" : "integers"
        inputShape = model.input.shape
        pixelScale = model.input.pixelScale
        mean = model.input.mean
        deviation = model.input.deviation
        classNames = model.classNames
        fileBytes = summary.fileBytes
        headerBytes = summary.headerBytes
        metadataBytes = summary.metadataBytes
        isa = plan.instructionSet
        nodes = model.nodes.map(Node.init)
        // Both in the order of the nodes, whose names need not differ.
        tensors = zip(summary.tensors, plan.layers).map(Tensor.init)
        let biases = model.nodes.reduce(0) { $0 + ($1.layer?.bias.codes.count ?? 0) }
        float32Bytes = 4 * (biases + tensors.reduce(0) { $0 + $1.weights })
        compressionRatio = Double(float32Bytes) / Double(fileBytes)
    }

    /// How many names of classes a text for people has.
    private static let listedClasses = 10

    private var classText: String {
        if classNames.isEmpty { return "no names" }
        let rest = classNames.count - Self.listedClasses
        return classNames.prefix(Self.listedClasses).joined(separator: ", ")
            + (rest > 0 ? " and \(rest) more (--json has all)" : "")
    }

    /// A text for people.
    public func text(usesColor: Bool) -> String {
        var table = TextTable([
            .words("layer"), .words("coding"), .words("order"), .numbers("weights"),
            .numbers("nonzero"), .numbers("bytes"), .numbers("bits/nonzero"),
            .numbers("× bound"), .words("kernel"), .words("block kernel"), .numbers("est. µs"),
        ])
        for tensor in tensors {
            table.append([
                tensor.name,
                (tensor.values == "float16" ? "float16, " : "") + tensor.mode
                    + (tensor.usesZstd ? " + zstd" : ""), tensor.scanOrder,
                "\(tensor.weights)", "\(tensor.nonzeros)", "\(tensor.bytes)",
                tensor.bitsPerNonzero.map { String(format: "%.2f", $0) } ?? "–",
                tensor.boundRatio.map { String(format: "%.3f", $0) } ?? "–",
                tensor.kernel ?? "–", tensor.blockKernel ?? "–",
                tensor.estimatedMicroseconds.map { String(format: "%.1f", $0) } ?? "–",
            ])
        }
        let ratio = String(format: "%.1f", compressionRatio)
        return """
            \(file): \(network), input \(inputShape), \(fileBytes) bytes, \(ratio)× smaller than \
            these shapes in float32
            pixels: times \(NumberText.scale(pixelScale)), less \(NumberText.list(mean)), divided \
            by \(NumberText.list(deviation))
            classes: \(classText)

            \(table.text(usesColor: usesColor))
            \(nodes.map { "\($0.name): \($0.operation)" + ($0.quantizer.map { " → \($0)" } ?? "") }
                .joined(separator: "\n"))

            \(arithmetic); header \(headerBytes) bytes; graph, names, scales and biases \(metadataBytes) bytes; \
            kernels for \(isa)

            × bound: bytes as a multiple of the entropy of codes and positions, taken for independent
            """
    }
}

extension Inspection.Tensor {
    fileprivate init(_ tensor: TensorSummary, _ layer: Plan.Layer) {
        name = tensor.name
        shape = tensor.shape
        weights = tensor.weights
        nonzeros = tensor.nonzeros
        values = tensor.isHalf ? "float16" : "integer"
        mode = tensor.mode.description
        scanOrder = tensor.scanOrder.rawValue
        usesZstd = tensor.usesZstd
        bytes = tensor.bytes
        bitsPerNonzero = tensor.bitsPerNonzero
        weightBitsCoded = tensor.weightBitsCoded
        indexBitsCoded = tensor.indexBitsCoded
        entropyBoundBytes = tensor.entropyBoundBytes
        boundRatio =
            entropyBoundBytes > 0 ? Double(bytes) / Double(entropyBoundBytes) : nil
        kernel = layer.kernel
        blockKernel = layer.blockKernel
        packedBytes = layer.packedBytes
        multiplyAdds = layer.multiplyAdds
        accumulatorBound = layer.accumulatorBound
        estimatedMicroseconds = layer.estimatedNanoseconds / 1000
    }
}

extension Inspection.Node {
    fileprivate init(_ node: PackedNode) {
        name = node.name
        inputs = node.inputs
        let output = node.operation.output
        quantizer = output.map {
            "\($0.bits)-bit \($0.isSigned ? "signed" : "unsigned"), step \($0.scale), "
                + "offset \($0.offset)"
        }
        operation = "\(node.operation)"
    }
}

extension PackedNode {
    /// The weights of a node that has some.
    var layer: PackedLayer? { operation.layer }
}
