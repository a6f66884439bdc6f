import Foundation
import ONNXSchema
import SwiftProtobuf
import Tensors

/// A network as an ONNX model, to run elsewhere.
///
/// Its input is what the network reads: images `[batch, channels, height, width]` behind the
/// normalization of pixels, which stands in the metadata, or features. Operations are those of opset
/// 17. What was quantized stays so in the form that runtimes look for: weights in `int8` behind
/// `DequantizeLinear`, activations between `QuantizeLinear` and `DequantizeLinear`, all in 8 bits
/// with fewer of them in use.
public struct ONNXExport: Sendable {
    package let model: ONNXModelProto

    package init(_ model: ONNXModelProto) { self.model = model }

    /// What becomes of a pixel `p` before the network reads it, `(p · pixelScale − mean) / deviation`
    /// with one mean and deviation a channel.
    public static func metadata(
        pixelScale: Float, mean: [Float], deviation: [Float]
    ) -> [String: String] {
        func list(_ values: [Float]) -> String { values.map { "\($0)" }.joined(separator: " ") }
        return [
            "pixelScale": "\(pixelScale)", "mean": list(mean), "deviation": list(deviation),
        ]
    }

    /// Replaces the file at `path`, all or nothing.
    public func write(to path: String) throws {
        try AtomicFile.write(encoded(), to: path)
    }

    /// The bytes of the file. The same network gives the same bytes.
    public func encoded() throws -> [UInt8] {
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        return try model.serializedBytes(options: options)
    }

    /// One line: nodes, tensors, bytes of weights.
    public var summary: String {
        let bytes = model.graph.initializer.reduce(0) { $0 + $1.rawData.count }
        let codes = model.graph.node.count { $0.opType.hasSuffix("QuantizeLinear") }
        return "\(model.graph.node.count) nodes, \(bytes) bytes of weights"
            + (codes == 0 ? "" : ", \(codes) quantized activations")
    }
}

/// Why a network can not be put into ONNX.
public enum ONNXExportError: Error, Equatable, CustomStringConvertible {
    case unsupported(layer: String, kind: String)
    /// A layer that needs real values behind one whose codes are not known.
    case notQuantized(layer: String)
    /// A number of the layer is infinite or none.
    case notFinite(layer: String)
    /// The weights with all their zeros are more than a file of ONNX can hold.
    case tooLarge(bytes: Int, limit: Int)

    public var description: String {
        switch self {
        case .unsupported(let layer, let kind):
            "layer '\(layer)': no operation of ONNX is known for the kind '\(kind)'"
        case .notQuantized(let layer):
            "layer '\(layer)' has no quantizer for its results, which another layer reads"
        case .notFinite(let layer):
            "layer '\(layer)': its numbers are not all finite"
        case .tooLarge(let bytes, let limit):
            "the weights take \(bytes) bytes with all their zeros, expected at most \(limit), which is "
                + "what a file of ONNX can hold"
        }
    }
}
