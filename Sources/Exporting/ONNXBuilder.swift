import Foundation
import ONNXSchema
import Tensors

/// Collects the nodes and the weights of an ONNX graph. Values are known by their names.
struct ONNXBuilder {
    private(set) var graph = ONNXGraphProto()
    private var taken: Set<String> = []

    /// A value of the graph: batch first, then `[channels, height, width]` or `[features]`.
    typealias Value = String

    /// The version of the operations: the first with all that are used is 15.
    static let opset: Int64 = 17
    static let input = "input"

    init(name: String, inputShape: [Int]) {
        graph.name = name
        graph.input = [Self.info(unique(Self.input), inputShape)]
    }

    private static func info(_ name: String, _ shape: [Int]) -> ONNXValueInfoProto {
        ONNXValueInfoProto.with {
            $0.name = name
            $0.type.tensorType.elemType = 1
            $0.type.tensorType.shape.dim =
                [ONNXTensorShapeProto.Dimension.with { $0.dimParam = "batch" }]
                + shape.map { size in
                    ONNXTensorShapeProto.Dimension.with { $0.dimValue = Int64(size) }
                }
        }
    }

    private mutating func unique(_ name: String) -> String {
        var (result, count) = (name, 1)
        while !taken.insert(result).inserted {
            count += 1
            result = "\(name)_\(count)"
        }
        return result
    }

    // MARK: Nodes

    /// Appends a node whose output has its name.
    mutating func node(
        _ operation: String, _ inputs: [Value], named name: String,
        ints: [(String, [Int])] = [], numbers: [(String, Int)] = [], floats: [(String, Float)] = []
    ) -> Value {
        let output = unique(name)
        graph.node.append(
            ONNXNodeProto.with { node in
                node.name = output
                node.opType = operation
                node.input = inputs
                node.output = [output]
                node.attribute += ints.map { name, values in
                    ONNXAttributeProto.with {
                        ($0.name, $0.type, $0.ints) = (name, .ints, values.map { Int64($0) })
                    }
                }
                node.attribute += numbers.map { name, value in
                    ONNXAttributeProto.with {
                        ($0.name, $0.type, $0.i) = (name, .int, Int64(value))
                    }
                }
                node.attribute += floats.map { name, value in
                    ONNXAttributeProto.with { ($0.name, $0.type, $0.f) = (name, .float, value) }
                }
            })
        return output
    }

    /// Appends a node with several outputs, and returns them.
    mutating func node(
        _ operation: String, _ inputs: [Value], outputs names: [String]
    ) -> [Value] {
        let outputs = names.map { unique($0) }
        graph.node.append(
            ONNXNodeProto.with {
                ($0.name, $0.opType, $0.input, $0.output) = (outputs[0], operation, inputs, outputs)
            })
        return outputs
    }

    // MARK: Constants

    mutating func constant(_ name: String, _ value: Float) -> Value {
        constant(name, shape: [], [value])
    }

    mutating func constant(_ name: String, shape: [Int], _ values: [Float]) -> Value {
        tensor(name, shape, type: 1, values.withUnsafeBufferPointer { Data(buffer: $0) })
    }

    mutating func constant(_ name: String, shape: [Int], _ values: [Int8]) -> Value {
        tensor(name, shape, type: 3, values.withUnsafeBufferPointer { Data(buffer: $0) })
    }

    mutating func constant(_ name: String, shape: [Int], _ values: [Int32]) -> Value {
        tensor(name, shape, type: 6, values.withUnsafeBufferPointer { Data(buffer: $0) })
    }

    /// The bits of numbers in half precision.
    mutating func constant(_ name: String, shape: [Int], halves: [UInt16]) -> Value {
        tensor(name, shape, type: 10, halves.withUnsafeBufferPointer { Data(buffer: $0) })
    }

    /// A vector of 64-bit integers.
    mutating func constant(_ name: String, _ values: [Int]) -> Value {
        tensor(
            name, [values.count], type: 7,
            values.map { Int64($0) }.withUnsafeBufferPointer { Data(buffer: $0) })
    }

    /// One code of activations.
    mutating func code(_ name: String, _ value: Int) -> Value {
        tensor(name, [], type: 2, Data([UInt8(value)]))
    }

    private mutating func tensor(
        _ name: String, _ shape: [Int], type: Int32, _ data: Data
    ) -> Value {
        let name = unique(name)
        graph.initializer.append(
            ONNXTensorProto.with {
                $0.name = name
                $0.dims = shape.map { Int64($0) }
                $0.dataType = type
                $0.rawData = data
            })
        return name
    }

    // MARK: The model

    /// The model whose output is `value`, under the name `output`.
    consuming func model(
        output value: Value, shape: [Int], metadata: [String: String]
    ) -> ONNXModelProto {
        let output = unique("output")
        let last = graph.node.lastIndex { $0.output == [value] }
        if let last, !graph.node.contains(where: { $0.input.contains(value) }) {
            graph.node[last].output = [output]
        } else {
            graph.node.append(
                ONNXNodeProto.with {
                    ($0.opType, $0.input, $0.output) = ("Identity", [value], [output])
                })
        }
        graph.output = [Self.info(output, shape)]
        let graph = graph
        return ONNXModelProto.with {
            $0.irVersion = 8
            $0.producerName = "shrink"
            $0.opsetImport = [ONNXOperatorSetIdProto.with { $0.version = Self.opset }]
            $0.graph = graph
            $0.metadataProps = metadata.sorted { $0.key < $1.key }.map { key, value in
                ONNXStringStringEntryProto.with { ($0.key, $0.value) = (key, value) }
            }
        }
    }
}
