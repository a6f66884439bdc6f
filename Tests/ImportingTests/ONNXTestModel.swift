import Foundation
import ONNXSchema
import SwiftProtobuf

/// A small ONNX model made by hand, one line a node.
struct ONNXTestModel {
    var model = ONNXModelProto()

    /// A model whose input `x` has these sizes; `nil` is one that is not known.
    init(input: [Int?], output: String = "y", opset: Int = 17) {
        model.irVersion = 8
        model.opsetImport = [ONNXOperatorSetIdProto.with { $0.version = Int64(opset) }]
        model.graph.input = [Self.value("x", input)]
        model.graph.output = [Self.value(output, [])]
    }

    private static func value(_ name: String, _ shape: [Int?]) -> ONNXValueInfoProto {
        ONNXValueInfoProto.with {
            $0.name = name
            $0.type.tensorType.elemType = 1
            $0.type.tensorType.shape.dim = shape.map { size in
                ONNXTensorShapeProto.Dimension.with { if let size { $0.dimValue = Int64(size) } }
            }
        }
    }

    mutating func weight(_ name: String, _ shape: [Int], _ values: [Float]? = nil) {
        let floats = values ?? (0..<shape.reduce(1, *)).map { Float($0 % 7) / 4 - 0.75 }
        model.graph.initializer.append(
            ONNXTensorProto.with {
                $0.name = name
                $0.dims = shape.map { Int64($0) }
                $0.dataType = 1
                $0.rawData = floats.withUnsafeBufferPointer { Data(buffer: $0) }
            })
    }

    mutating func integers(_ name: String, _ values: [Int]) {
        model.graph.initializer.append(
            ONNXTensorProto.with {
                $0.name = name
                $0.dims = [Int64(values.count)]
                $0.dataType = 7
                $0.int64Data = values.map { Int64($0) }
            })
    }

    mutating func node(
        _ operation: String, _ inputs: [String], _ output: String, name: String = "",
        ints: [String: [Int]] = [:], floats: [String: Float] = [:], strings: [String: String] = [:]
    ) {
        model.graph.node.append(
            ONNXNodeProto.with { node in
                node.opType = operation
                node.input = inputs
                node.output = [output]
                node.name = name
                for (key, values) in ints {
                    node.attribute.append(
                        ONNXAttributeProto.with {
                            $0.name = key
                            // By convention here, a list of one is a number.
                            let isNumber = values.count == 1
                            $0.type = isNumber ? .int : .ints
                            if isNumber { $0.i = Int64(values[0]) }
                            if !isNumber { $0.ints = values.map { Int64($0) } }
                        })
                }
                for (key, value) in floats {
                    node.attribute.append(
                        ONNXAttributeProto.with {
                            ($0.name, $0.type, $0.f) = (key, .float, value)
                        })
                }
                for (key, value) in strings {
                    node.attribute.append(
                        ONNXAttributeProto.with {
                            ($0.name, $0.type, $0.s) = (key, .string, Data(value.utf8))
                        })
                }
            })
    }

    var bytes: [UInt8] { try! model.serializedBytes() }

    /// The path of the model in a folder.
    func write(to folder: TemporaryFolder, _ name: String = "model.onnx") -> String {
        folder.write(bytes, name)
    }
}
