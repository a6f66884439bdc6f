import Foundation
import Networks
import Tensors
import Testing

// Fixtures/golden/torch/layers.py made these numbers with PyTorch; images are NHWC there already.

private enum Golden {
    static let file: Safetensors = {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try! Safetensors(
            contentsOf: root.appendingPathComponent("Fixtures/golden/torch/layers.safetensors").path
        )
    }()

    static func tensor(_ name: String) throws -> Tensor {
        guard case .float32(let tensor) = file[name] else { throw Missing(name: name) }
        return tensor
    }

    /// Kernel, stride and padding.
    static func window(_ name: String) throws -> [[Int]] {
        guard case .bytes(shape: [3, 2], let bytes) = file[name] else { throw Missing(name: name) }
        return stride(from: 0, to: 6, by: 2).map { bytes[$0..<$0 + 2].map(Int.init) }
    }

    struct Missing: Error { let name: String }
}

/// Equal up to 10⁻⁵, of the value where it is larger than 1.
private func expect(
    _ found: Tensor, isGolden name: String, _ location: SourceLocation = #_sourceLocation
) throws {
    let expected = try Golden.tensor(name)
    guard found.shape == expected.shape else {
        Issue.record("\(name): \(found.shape), \(expected.shape)", sourceLocation: location)
        return
    }
    for (index, (value, target)) in zip(found.elements, expected.elements).enumerated()
    where !(abs(value - target) <= 1e-5 * max(1, abs(target))) {
        Issue.record(
            "\(name)[\(index)]: \(value), expected \(target)", sourceLocation: location)
    }
}

/// Output and gradients of a layer whose inputs have these names.
private func expectGolden(
    _ layer: any Layer, _ name: String, inputs: [String] = ["x"],
    _ location: SourceLocation = #_sourceLocation
) throws {
    var (layer, pass) = (layer, Pass(isTraining: true))
    let x = try inputs.map { try Golden.tensor("\(name).\($0)") }
    var dy = try Golden.tensor("\(name).dy")
    let shape = try layer.outputShape(of: x.map { Array($0.shape.dropFirst()) })
    #expect([x[0].shape[0]] + shape == dy.shape, "\(name)", sourceLocation: location)
    var (y, dx) = (Tensor(shape: dy.shape), x.map { Tensor(shape: $0.shape) })
    layer.forward(x, into: &y, pass: &pass)
    layer.backward(
        x, output: y, outputGradient: &dy, into: &dx, wants: x.map { _ in true }, pass: &pass)
    try expect(y, isGolden: "\(name).y", location)
    for (input, gradient) in zip(inputs, dx) {
        try expect(gradient, isGolden: "\(name).d\(input)", location)
    }
}

@Test(arguments: 0...3) func `pooling with padding is that of PyTorch`(index: Int) throws {
    let window = try Golden.window("max-pooling.\(index).window")
    try expectGolden(
        MaxPooling(kernel: window[0], stride: window[1], padding: window[2]),
        "max-pooling.\(index)")
    try expectGolden(
        AveragePooling(kernel: window[0], stride: window[1], padding: window[2]),
        "average-pooling.\(index)")
}

@Test(arguments: ["softmax.features", "softmax.image"])
func `softmax is that of PyTorch`(name: String) throws {
    try expectGolden(Softmax(), name)
}

@Test(arguments: ["multiply.gate", "multiply.same"])
func `products are those of PyTorch`(name: String) throws {
    try expectGolden(Multiply(), name, inputs: ["x", "gate"])
}

@Test(arguments: [
    ("relu", ActivationFunction.relu), ("relu6", .relu6), ("leaky_relu", .leakyReLU(slope: 0.1)),
    ("sigmoid", .sigmoid), ("hardsigmoid", .hardSigmoid), ("silu", .silu),
    ("hardswish", .hardSwish),
])
func `activation functions are those of PyTorch`(
    name: String, function: ActivationFunction
) throws {
    try expectGolden(Activation(function), "activation.\(name)")
}
