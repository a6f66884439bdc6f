import CFloatKernels
import Foundation
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

    static func geometry(_ name: String) throws -> ConvolutionGeometry {
        guard case .bytes(shape: [5, 2], let bytes) = file["\(name).window"] else {
            throw Missing(name: name)
        }
        let pairs = stride(from: 0, to: 10, by: 2).map { bytes[$0..<$0 + 2].map(Int.init) }
        let (x, y) = (try tensor("\(name).x").shape, try tensor("\(name).y").shape)
        return ConvolutionGeometry(
            height: x[1], width: x[2], channels: x[3], outputs: y[3], kernel: pairs[0],
            stride: pairs[1], padding: pairs[2], dilation: pairs[3], groups: pairs[4][0])
    }

    struct Missing: Error { let name: String }
}

/// Equal up to 2 · 10⁻⁵ of the largest element.
private func expect(
    _ found: Tensor, isGolden name: String, _ place: String,
    _ location: SourceLocation = #_sourceLocation
) throws {
    let expected = try Golden.tensor(name)
    #expect(found.shape == expected.shape, "\(name), \(place)", sourceLocation: location)
    let largest = expected.elements.map(abs).max()!
    // A maximum steps over what is no number.
    let worst = zip(found.elements, expected.elements)
        .map { $0.isFinite ? abs($0 - $1) : .infinity }.max()!
    #expect(worst <= 2e-5 * max(largest, 1), "\(name), \(place)", sourceLocation: location)
}

@Test func `comparisons with PyTorch see what is no number`() throws {
    var found = try Golden.tensor("plain.y")
    found[1] = .nan
    withKnownIssue { try expect(found, isGolden: "plain.y", "here") }
}

@Test(arguments: [
    "plain", "wide", "strided", "dilated", "pointwise", "shortcut", "grouped", "grouped strided",
    "depthwise", "depthwise strided", "depthwise dilated", "multiplied",
])
func `convolutions and their gradients are those of PyTorch`(name: String) throws {
    let geometry = try Golden.geometry(name)
    let (x, dy) = (try Golden.tensor("\(name).x"), try Golden.tensor("\(name).dy"))
    let weight = try Golden.tensor("\(name).weight")
    let bias = try Golden.tensor("\(name).bias")
    for (isa, sums) in instructionSets.flatMap({ [($0, ConvolutionSums.direct), ($0, .fastest)] }) {
        let place = "\(String(cString: cfk_isa_name(isa))), \(sums)"
        var kernels = ConvolutionKernels(geometry, sums: sums, isa: isa)
        var (y, dx) = (Tensor(shape: dy.shape), Tensor(shape: x.shape))
        var (dw, db) = (Tensor(shape: weight.shape), Tensor(shape: bias.shape))
        kernels.forward(x, weights: weight, bias: bias, into: &y, threads: 2)
        kernels.parameterGradients(x, dy, weights: &dw, threads: 2)
        kernels.biasGradient(dy, into: &db, threads: 2)
        kernels.inputGradient(dy, weights: weight, into: &dx, threads: 2)
        try expect(y, isGolden: "\(name).y", place)
        try expect(dx, isGolden: "\(name).dx", place)
        try expect(dw, isGolden: "\(name).dweight", place)
        try expect(db, isGolden: "\(name).dbias", place)
    }
}
