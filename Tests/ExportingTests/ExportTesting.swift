import Exporting
import Foundation
import Networks
import ONNXSchema
import Tensors

let fixtureFolder =
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path + "/Fixtures/onnx"

extension Tensor {
    static func random(
        _ shape: [Int], from low: Float = -1, to high: Float = 1,
        using generator: inout SeededGenerator
    ) -> Tensor {
        let count = shape.reduce(1, *)
        return Tensor(
            shape: shape,
            elements: (0..<count).map { _ in
                low + (high - low) * Float(generator.next() >> 40) / Float(1 << 24)
            })
    }

    /// `[batch, height, width, channels]` to `[batch, channels, height, width]`, or the other way.
    func channelsFirst() -> SlowONNX.Value {
        guard shape.count == 4 else { return SlowONNX.Value(shape, elements) }
        let own = SlowONNX.Value(shape, elements)
        return SlowONNX.Value([shape[0], shape[3], shape[1], shape[2]]) {
            own[[$0[0], $0[2], $0[3], $0[1]]]
        }
    }
}

extension Network {
    func output(_ x: Tensor) -> Tensor {
        var copy = self
        var pass = Pass(isTraining: false)
        return copy.forward(x, pass: &pass)
    }

    /// The names of layers with weights, in order.
    var weightedLayers: [String] {
        nodes.filter { $0.layer is Linear || $0.layer is Convolution }.map(\.name)
    }

    /// Weights, biases and statistics of random values.
    mutating func randomize(using generator: inout SeededGenerator) {
        visitParameters { _, parameter in
            parameter.trained.value = .random(
                parameter.trained.value.shape, from: -0.5, to: 0.5, using: &generator)
        }
        for index in nodes.indices {
            guard var norm = nodes[index].layer as? BatchNormalization else { continue }
            norm.runningMean = .random([norm.channels], using: &generator)
            norm.runningVariance = .random([norm.channels], from: 0.5, to: 2, using: &generator)
            updateLayer(at: index) { $0 = norm }
        }
    }
}

/// The largest difference as a share of the largest expected value.
func relativeError(_ found: [Float], _ expected: [Float]) -> Float {
    precondition(found.count == expected.count, "\(found.count), expected \(expected.count)")
    return zip(found, expected).map { $0.isFinite ? abs($0 - $1) : .infinity }.max()!
        / expected.map(abs).max()!
}
