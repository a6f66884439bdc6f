import Foundation
import Networks
import Tensors
import Testing

/// The models of `Fixtures/onnx` with what ONNX Runtime computes with them; `make.py` made both.
struct ONNXFixture: Sendable, CustomTestStringConvertible {
    /// The file without its ending: family, exporter, opset, options.
    let name: String

    var testDescription: String { name }
    var path: String { Self.folder + "/\(name).onnx" }

    static let folder = packageRoot + "/Fixtures/onnx"

    static let all: [ONNXFixture] =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .filter { $0.hasSuffix(".onnx") }.sorted().map { ONNXFixture(name: String($0.dropLast(5))) }

    static func named(_ name: String) -> ONNXFixture { ONNXFixture(name: name) }

    /// Two images `[2, height, width, channels]` of the size that a network takes.
    static func input(_ shape: [Int]) throws -> Tensor {
        let file = try Safetensors(contentsOf: folder + "/inputs.safetensors")
        guard case .bytes(_, let bytes)? = file["\(shape[2])x\(shape[0])x\(shape[1])"] else {
            throw Missing(name: "\(shape)")
        }
        // Bytes b are the values (b − 128) / 64, the channels outermost.
        let size = shape[0] * shape[1]
        var elements: [Float] = []
        for image in 0..<2 {
            for position in 0..<size {
                for channel in 0..<shape[2] {
                    let byte = bytes[(image * shape[2] + channel) * size + position]
                    elements.append((Float(byte) - 128) / 64)
                }
            }
        }
        return Tensor(shape: [2] + shape, elements: elements)
    }

    func output() throws -> Tensor {
        let file = try Safetensors(contentsOf: Self.folder + "/outputs.safetensors")
        guard case .float32(let tensor)? = file[name] else { throw Missing(name: name) }
        return tensor
    }

    struct Missing: Error { let name: String }
}

/// The largest difference as a share of the largest expected value.
func relativeError(_ found: Tensor, _ expected: Tensor) -> Float {
    precondition(found.shape == expected.shape, "\(found.shape), expected \(expected.shape)")
    let (a, b) = (found.elements, expected.elements)
    return zip(a, b).map { $0.isFinite ? abs($0 - $1) : .infinity }.max()! / b.map(abs).max()!
}
