import Foundation
import Networks
import Tensors
import Testing

// Fixtures/golden/torch/convolutions.py made these numbers with PyTorch; layouts are those of the
// package there already.

private enum Golden {
    static let file: Safetensors = {
        let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let path = root.appendingPathComponent("Fixtures/golden/torch/convolutions.safetensors")
            .path
        return try! Safetensors(contentsOf: path)
    }()

    static func tensor(_ name: String) throws -> Tensor {
        guard case .float32(let tensor) = file[name] else { throw Missing(name: name) }
        return tensor
    }

    struct Missing: Error { let name: String }
}

/// Equal up to 2 · 10⁻⁵ of the largest element.
private func expect(
    _ found: Tensor, isGolden name: String,
    _ location: SourceLocation = #_sourceLocation
) throws {
    let expected = try Golden.tensor(name)
    #expect(found.shape == expected.shape, "\(name)", sourceLocation: location)
    let largest = expected.elements.map(abs).max()!
    // A maximum steps over what is no number.
    let worst = zip(found.elements, expected.elements)
        .map { $0.isFinite ? abs($0 - $1) : .infinity }.max()!
    #expect(worst <= 2e-5 * max(largest, 1), "\(name)", sourceLocation: location)
}

@Test func `comparisons with PyTorch see what is no number`() throws {
    var found = try Golden.tensor("norm relu.y")
    found[1] = .nan
    withKnownIssue { try expect(found, isGolden: "norm relu.y") }
}

@Test(arguments: [
    ("identity", ActivationFunction.identity), ("relu", .relu), ("relu6", .relu6), ("silu", .silu),
    ("hardswish", .hardSwish), ("sigmoid", .sigmoid),
])
func `batch normalization and its gradients are those of PyTorch`(
    function: String, activation: ActivationFunction
) throws {
    let name = "norm \(function)"
    let x = try Golden.tensor("\(name).x")
    var dy = try Golden.tensor("\(name).dy")
    var layer = BatchNormalization(channels: x.shape[3], activation: activation)
    layer.weight.trained.value = try Golden.tensor("\(name).weight")
    layer.bias.trained.value = try Golden.tensor("\(name).bias")
    var (y, dx) = (Tensor(shape: dy.shape), [Tensor(shape: x.shape)])
    var pass = Pass(isTraining: true, threads: 2)
    layer.forward([x], into: &y, pass: &pass)
    layer.backward([x], output: y, outputGradient: &dy, into: &dx, wants: [true], pass: &pass)
    try expect(y, isGolden: "\(name).y")
    try expect(dx[0], isGolden: "\(name).dx")
    try expect(layer.weight.effectiveGradient, isGolden: "\(name).dweight")
    try expect(layer.bias.effectiveGradient, isGolden: "\(name).dbias")
    try expect(layer.runningMean, isGolden: "\(name).mean")
    try expect(layer.runningVariance, isGolden: "\(name).variance")
}

/// The variance of one number says nothing: ten such batches would bring the running one to 0.35.
@Test func `running statistics do not follow a batch of one position`() {
    var (layer, pass) = (BatchNormalization(channels: 2), Pass(isTraining: true))
    layer.runningMean = Tensor(shape: [2], elements: [3, 4])
    var y = Tensor(shape: [1, 2])
    layer.forward([Tensor(shape: [1, 2], elements: [7, -5])], into: &y, pass: &pass)
    #expect(layer.runningMean.elements == [3, 4])
    #expect(layer.runningVariance.elements == [1, 1])
    y = Tensor(shape: [2, 2])
    layer.forward([Tensor(shape: [2, 2], elements: [7, -5, 9, -5])], into: &y, pass: &pass)
    #expect(abs(layer.runningMean[0] - (3 + 0.1 * (8 - 3))) < 1e-6)
    #expect(abs(layer.runningVariance[0] - (1 + 0.1 * (2 - 1))) < 1e-6)
}
