import Inference
import PackedModel
import Testing

/// Networks small enough to follow with pencil and paper.
@Suite struct TinyNetworkTests {
    /// Pixel 0...15 is its own code: `x = q`.
    private let pixelCodes = PackedQuantizer(bits: 4, isSigned: false, scale: 1, offset: 0)

    private func model(_ shape: [Int], _ operations: [PackedOperation]) -> PackedModel {
        var model = chain(shape, pixelCodes, operations, pixelScale: 1)
        model.input.mean = [0]
        model.input.deviation = [1]
        return model
    }

    private func expect(
        _ model: PackedModel, _ pixels: [UInt8], codes: [[Int32]], logits: [Float]
    ) throws {
        let trace = try ReferenceInterpreter(model).trace(pixels: pixels)
        #expect(trace.codes == codes)
        #expect(trace.logits == logits)
        for options in variants {
            let engine = try Engine(model, options: options)
            #expect(engine.logits(pixels: pixels) == logits)
            let many = (0..<20).flatMap { _ in pixels }
            #expect(engine.logits(pixels: many) == (0..<20).flatMap { _ in logits })
        }
    }

    @Test func `two fully connected layers with offset and relu`() throws {
        // Hidden: W = 0.5 · [[2, 0, -1], [-3, 1, 0]], bias = 0.25 · [3, -1].
        // Input 4, 2, 3: Σ = 5, -10; y = 2.5 + 0.75, -5 - 0.25 = 3.25, -5.25.
        // Quantizer: scale 0.5, offset -1, 0...15: code(0) = 2.
        //   (3.25 + 1) / 0.5 = 8.5: a tie, which the engine rounds up to 9; -8.5 is clamped to 2.
        let hidden = PackedLayer(
            weights: packedTensor(shape: [2, 3], weights: [2, 0, -1, -3, 1, 0], scales: [0.5]),
            bias: PackedBias(bits: 4, scale: 0.25, codes: [3, -1]), activation: .relu,
            output: PackedQuantizer(bits: 4, isSigned: false, scale: 0.5, offset: -1))
        // Output: W = [[1·0.5, 2·0.5], [-1·-2, 0]], bias = 0.125 · [0, 1]; x̂ = 0.5 q - 1 = 3.5, 0.
        //   0.5 · 3.5 + 1 · 0 = 1.75 and 2 · 3.5 + 0.125 = 7.125.
        let output = PackedLayer(
            weights: packedTensor(shape: [2, 2], weights: [1, 2, -1, 0], scales: [0.5, -2]),
            bias: PackedBias(bits: 2, scale: 0.125, codes: [0, 1]), activation: .identity,
            output: nil)
        try expect(
            model([3], [.linear(hidden), .linear(output)]), [4, 2, 3],
            codes: [[4, 2, 3], [9, 2], []], logits: [1.75, 7.125])
    }

    @Test func `a padded convolution on an input whose zero has a code of its own`() throws {
        // x = q - 2, so real zero has code 2. One 3×3 kernel on a 1×2 image (5, 1): x = 3, -1.
        //   kernel row in the middle: 1, 2, 3; corner tap (0, 0): 4, which sees only the border (0).
        //   at 0: 2 · 3 + 3 · -1 = 3; at 1: 1 · 3 + 2 · -1 = 1; times the scale 0.5: 1.5, 0.5.
        var model = model(
            [1, 1, 2],
            [
                .convolution(
                    PackedLayer(
                        weights: packedTensor(
                            shape: [1, 1, 3, 3], weights: [4, 0, 0, 1, 2, 3, 0, 0, 0],
                            scales: [0.5]),
                        bias: PackedBias(bits: 2, scale: 1, codes: [0]), activation: .identity,
                        output: PackedQuantizer(bits: 4, isSigned: true, scale: 0.5, offset: 0)),
                    PackedWindow(kernel: [3, 3], stride: [1, 1], padding: [1, 1])),
                .maxPooling(PackedWindow(kernel: [1, 2], stride: [1, 1])),
                .flatten,
                .linear(
                    PackedLayer(
                        weights: packedTensor(shape: [1, 1], weights: [3], scales: [2]),
                        bias: PackedBias(bits: 2, scale: 1, codes: [-1]), activation: .identity,
                        output: nil)),
            ])
        model.input.quantizer.offset = -2
        // The pixel p has the real value p - 2, so its code is p.
        model.input.mean = [2]
        try expect(
            model, [5, 1], codes: [[5, 1], [3, 1], [3], [3], []],
            // 3 · 2 · 0.5 · 3 - 1
            logits: [8])
    }

    @Test func `a relu on the network's output`() throws {
        let layer = PackedLayer(
            weights: packedTensor(shape: [2, 1], weights: [1, -1], scales: [1]),
            bias: PackedBias(bits: 2, scale: 1, codes: [0, 0]), activation: .relu, output: nil)
        try expect(
            model([1], [.linear(layer)]), [9], codes: [[9], []], logits: [9, 0])
    }
}
