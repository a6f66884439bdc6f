import Foundation
import ONNXSchema
import SwiftProtobuf
import Tensors

/// An ONNX file: its nodes in order, its initializers, and the one input and output of the network.
struct ONNXModel {
    /// Operations changed their meaning before; both exporters of PyTorch write later ones.
    static let lowestOpset = 13

    let nodes: [ONNXNode]
    let initializers: [ONNXTensorProto]
    let reader: ONNXTensorReader
    let input: String
    /// `[batch, channels, height, width]` or `[batch, features]`.
    let inputShape: [Int]
    let output: String
    let metadata: [String: String]

    /// Stands for a batch of any size. No size of a network is equal to it or a multiple of it by
    /// chance, so that shape arithmetic can be followed with numbers.
    static let anyBatch = 7919

    init(path: String) throws(ONNXProblem) {
        let model = try Self.read(path)
        let graph = model.graph
        let opset = try Self.opset(of: model)
        self.opset = opset
        metadata = Dictionary(
            model.metadataProps.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
        nodes = graph.node.enumerated().map { ONNXNode($1, index: $0, opset: opset) }
        initializers = graph.initializer
        reader = ONNXTensorReader(
            folder: URL(fileURLWithPath: path).deletingLastPathComponent().path)
        let known = Set(graph.initializer.map(\.name))
        let inputs = graph.input.filter { !known.contains($0.name) }
        guard inputs.count == 1 else {
            throw .unfit(
                what: "the input of the graph", found: Self.list(inputs.map(\.name)),
                expected: "one tensor")
        }
        guard graph.output.count == 1 else {
            throw .unfit(
                what: "the output of the graph", found: Self.list(graph.output.map(\.name)),
                expected: "one tensor")
        }
        input = inputs[0].name
        output = graph.output[0].name
        inputShape = try Self.shape(of: inputs[0])
    }

    private let opset: Int

    /// The output, and values that differ from it by what keeps the order of classes: the inputs of the
    /// last nodes, as far as those are ArgMax, LogSoftmax, Cast or Identity.
    var ending: Set<String> {
        let operations: Set<ONNXOperation> = [.argMax, .logSoftmax, .cast, .identity]
        var names: Set = [output]
        for node in nodes.reversed() {
            guard node.outputs.contains(where: names.contains), let input = node.inputs.first,
                let operation = ONNXOperation(rawValue: node.operation),
                operations.contains(operation)
            else { continue }
            names.insert(input)
        }
        return names
    }

    private static func list(_ names: [String]) -> String {
        names.isEmpty ? "missing" : names.prefix(8).joined(separator: ", ")
    }

    private static func read(_ path: String) throws(ONNXProblem) -> ONNXModelProto {
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        } catch {
            throw .unreadable(reason: FileError(reading: path).reason)
        }
        if PyTorchFile.isBegun(by: data) {
            throw .notAModel(
                reason: "it is a PyTorch file (torch.save); export the network with "
                    + "torch.onnx.export")
        }
        let model: ONNXModelProto
        do {
            model = try ONNXModelProto(serializedBytes: data)
        } catch {
            let isSafetensors = data.dropFirst(8).first == UInt8(ascii: "{")
            throw .notAModel(
                reason: isSafetensors
                    ? "it looks like a safetensors file, which has no graph; export the network with "
                        + "torch.onnx.export"
                    : "its bytes are no Protocol Buffers message of that kind")
        }
        guard model.hasGraph, !model.graph.node.isEmpty else {
            throw .notAModel(reason: "no graph, or one without nodes")
        }
        return model
    }

    private static func opset(of model: ONNXModelProto) throws(ONNXProblem) -> Int {
        let standard = model.opsetImport.last { $0.domain.isEmpty || $0.domain == "ai.onnx" }
        guard let opset = standard.map({ Int($0.version) }), opset >= lowestOpset else {
            throw .opset(found: standard.map { Int($0.version) }, lowest: lowestOpset)
        }
        return opset
    }

    private static func shape(of input: ONNXValueInfoProto) throws(ONNXProblem) -> [Int] {
        let type = input.type.tensorType
        guard type.elemType == ONNXTensorReader.ElementType.float.rawValue else {
            let isFloat = ONNXTensorReader.ElementType(rawValue: type.elemType)?.isFloat ?? false
            throw .unfit(
                what: "the element type of input '\(input.name)'",
                found: ONNXTensorReader.typeName(type.elemType),
                expected: "float"
                    + (isFloat ? ": export the network in float32 (model.float() in PyTorch)" : ""))
        }
        let sizes = type.shape.dim.map { dimension -> Int? in
            if case .dimValue(let size)? = dimension.value { return Int(size) }
            return nil
        }
        guard sizes.count == 4 || sizes.count == 2, !sizes.dropFirst().contains(nil),
            sizes.allSatisfy({ $0.map { $0 > 0 && $0 <= 1 << 24 } ?? true }),
            let count = elementCount(of: sizes.dropFirst().map { $0! }),
            count <= DraftGraph.largestSample
        else {
            let found = sizes.map { $0.map(String.init) ?? "?" }.joined(separator: ", ")
            throw .unfit(
                what: "the shape of input '\(input.name)'", found: "[\(found)]",
                expected: "[batch, channels, height, width] or [batch, features], "
                    + requirement(of: sizes))
        }
        return [sizes[0] ?? anyBatch] + sizes.dropFirst().map { $0! }
    }

    /// What an input's sizes, of which `nil` is one that is not known, do not meet.
    private static func requirement(of sizes: [Int?]) -> String {
        switch sizes.count {
        case 2, 4:
            sizes.dropFirst().contains(nil)
                ? "all but the batch known"
                : "none of them 0, and at most \(DraftGraph.largestSample) values a sample"
        case 3: "not 3 dimensions: 1-D convolutions are not supported"
        case 5: "not 5 dimensions: 3-D convolutions are not supported"
        default: "not \(sizes.count) dimensions"
        }
    }
}
