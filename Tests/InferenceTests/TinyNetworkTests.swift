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
        model.input.quantizer?.offset = -2
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

    // MARK: Graphs

    /// The model of these nodes, followed by a layer that shows the `count` codes of the last.
    private func graph(
        _ shape: [Int], _ nodes: [(inputs: [Int], operation: PackedOperation)], showing count: Int
    ) -> PackedModel {
        var model = model(shape, nodes.map(\.operation) + [showing(count).operation])
        for (index, node) in nodes.enumerated() { model.nodes[index].inputs = node.inputs }
        return model
    }

    /// Runs a graph whose last operation has these codes.
    private func expectCodes(
        _ shape: [Int], _ nodes: [(inputs: [Int], operation: PackedOperation)], _ pixels: [UInt8],
        _ codes: [Int32], offset: Float = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var model = graph(shape, nodes, showing: codes.count)
        // The pixel p has the real value p + offset and the code p.
        model.input.quantizer?.offset = offset
        model.input.mean = [Float](repeating: -offset, count: shape.count == 3 ? shape[0] : 1)
        model.input.deviation = model.input.mean.map { _ in 1 }
        let trace = try ReferenceInterpreter(model).trace(pixels: pixels)
        #expect(trace.codes[nodes.count] == codes, sourceLocation: sourceLocation)
        for options in variants {
            let engine = try Engine(model, options: options)
            for count in [1, 20] {
                let found = engine.logits(pixels: (0..<count).flatMap { _ in pixels })
                let expected = (0..<count).flatMap { _ in trace.logits }
                #expect(found == expected, sourceLocation: sourceLocation)
            }
        }
    }

    private func grid(
        _ scale: Float, _ offset: Float = 0, bits: Int = 8, isSigned: Bool = false
    ) -> PackedQuantizer {
        PackedQuantizer(bits: bits, isSigned: isSigned, scale: scale, offset: offset)
    }

    @Test func `a grouped and dilated convolution`() throws {
        // Two groups of two channels, two outputs each; kernels 1×2 with a dilation of 2 read places 0
        // and 2, then 1 and 3 of a row: channels (1 2 3 4), (5 6 7 8), (0 1 0 1), (9 0 9 0).
        let layer = PackedLayer(
            weights: packedTensor(
                shape: [4, 2, 1, 2],
                weights: [
                    1, 1, 0, 0,  // 1 + 3, 2 + 4
                    0, 0, 1, 2,  // 5 + 14, 6 + 16
                    1, 1, 1, 0,  // 0 + 0 + 9, 1 + 1 + 0
                    3, 0, 0, 1,  // 0 + 9, 3 + 0
                ], scales: [1]),
            bias: PackedBias(bits: 2, scale: 1, codes: [0, 0, 0, 0]),
            activation: .clip(lowest: 3, highest: 20), output: grid(1))
        let window = PackedWindow(kernel: [1, 2], stride: [1, 1], dilation: [1, 2], groups: 2)
        try expectCodes(
            [4, 1, 4], [([0], .convolution(layer, window))],
            [1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 1, 9, 0, 9, 0], [4, 6, 19, 20, 9, 3, 9, 3])
    }

    @Test func `maximum pooling never takes the border`() throws {
        // Codes −8...7 for reals: all values are negative, and so is the largest.
        let negative = grid(1, -8)
        let window = PackedWindow(kernel: [2, 2], stride: [2, 2], padding: [1, 1])
        try expectCodes(
            [1, 2, 2],
            [([0], .function(.identity, output: negative)), ([1], .maxPooling(window))],
            [1, 2, 3, 4], [9, 10, 11, 12])
        try expectCodes(
            [1, 2, 2],
            [([0], .maxPooling(window))], [1, 2, 3, 4], [1, 2, 3, 4], offset: -8)
    }

    @Test func `a mean counts the border as real zero`() throws {
        // x = q − 2: real zero is the code 2. Windows of 2×2 in steps of 2, with one row and column of
        // border: each sees one of 6 2 / 3 9 and three zeros. Means 1, 0, 0.25, 1.75.
        let window = PackedWindow(kernel: [2, 2], stride: [2, 2], padding: [1, 1])
        try expectCodes(
            [1, 2, 2], [([0], .averagePooling(window, output: grid(0.25, -1)))], [6, 2, 3, 9],
            [8, 4, 5, 11], offset: -2)
        // The mean of everything: (4 + 0 + 1 + 7) / 4 = 3; a tie at (3 − 0.5) / 1 goes up.
        let all = PackedWindow(kernel: [2, 2], stride: [1, 1])
        try expectCodes(
            [1, 2, 2], [([0], .averagePooling(all, output: grid(1, 0.5)))], [6, 2, 3, 9], [3],
            offset: -2)
    }

    @Test func `a sum of values on different grids`() throws {
        // x_1 = q, x_2 = 0.5 q − 1 (codes 2 x + 2 of x): x_1 + x_2 = 2 x on the grid 0.5 q − 4.
        let half = grid(0.5, -1)
        let values: [UInt8] = [0, 1, 2, 5]
        try expectCodes(
            [4],
            [
                ([0], .function(.identity, output: half)),
                ([0, 1], .add(.identity, output: grid(0.5, -4))),
            ], values, [8, 12, 16, 28])
        // Cut to 1...6: codes 10 and 20.
        try expectCodes(
            [4],
            [
                ([0], .function(.identity, output: half)),
                ([0, 1], .add(.clip(lowest: 1, highest: 6), output: grid(0.5, -4))),
            ], values, [10, 12, 16, 20])
        // Three times x − 3, through a ReLU: −9, −6, −3, 6.
        try expectCodes(
            [4], [([0, 0, 0], .add(.relu, output: grid(1, -12)))], values, [12, 12, 12, 18],
            offset: -3)
    }

    @Test func `a product of values with offsets`() throws {
        // (x − 3)² = 9, 4, 1, 4 on the grid 0.5 q − 1.
        try expectCodes(
            [4], [([0, 0], .multiply(output: grid(0.5, -1)))], [0, 1, 2, 5], [20, 10, 4, 10],
            offset: -3)
        // One factor a channel: the means 2 and −1 of the channels, on the grid 0.25 q − 2.
        let window = PackedWindow(kernel: [1, 2], stride: [1, 1])
        try expectCodes(
            [2, 1, 2],
            [
                ([0], .averagePooling(window, output: grid(0.25, -2))),
                ([0, 1], .multiply(output: grid(1, -10))),
            ], [4, 6, 0, 4],
            // 1 · 2, 3 · 2, −3 · −1, 1 · −1
            [12, 16, 13, 9], offset: -3)
    }

    @Test func `parts behind each other on one grid`() throws {
        // x on the grid 2 q: 0, 1 → 0.5 (to even: 0), 2 → 1, 5 → 2.5 (2); and −x on the same.
        let negative = PackedLayer(
            weights: packedTensor(
                shape: [4, 4],
                weights: [Int8](0..<16).map {
                    $0 % 5 == 0 ? -1 : 0
                }, scales: [1]),
            bias: PackedBias(bits: 2, scale: 1, codes: [0, 0, 0, 0]), activation: .identity,
            output: grid(1, -5))
        try expectCodes(
            [4],
            [
                ([0], .linear(negative)),
                ([0, 1], .concatenation(output: grid(2, 0, isSigned: true))),
            ], [0, 1, 2, 5],
            [0, 0, 1, 2, 0, 0, -1, -2])
    }

    @Test func `moving codes`() throws {
        let pixels: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
        // Channels (1 2) (3 4) (5 6) (7 8).
        try expectCodes(
            [4, 1, 2], [([0], .channelShuffle(groups: 2))], pixels, [1, 2, 5, 6, 3, 4, 7, 8])
        try expectCodes([4, 1, 2], [([0], .slice(1..<3))], pixels, [3, 4, 5, 6])
        try expectCodes([8], [([0], .slice(6..<8))], pixels, [7, 8])
        try expectCodes([8], [([0], .channelShuffle(groups: 4))], pixels, [1, 3, 5, 7, 2, 4, 6, 8])
        // A row above, a column left, two columns right; real zero has the code 3.
        try expectCodes(
            [2, 1, 2], [([0], .padding([1, 1, 0, 2]))], [1, 2, 8, 9],
            [3, 3, 3, 3, 3, 3, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 8, 9, 3, 3], offset: -3)
        // Channels 1 to 2 of the shape [4, 2, 1] are the middle of the vector.
        try expectCodes(
            [8], [([0], .reshape([4, 2, 1])), ([1], .slice(1..<3))], pixels, [3, 4, 5, 6])
    }

    @Test func `functions of every value`() throws {
        let pixels: [UInt8] = [0, 3, 6, 9, 14]
        // x = q − 6: −6, −3, 0, 3, 8.
        for (function, output, codes) in [
            (PackedActivation.relu, grid(1), [0, 0, 0, 3, 8]),
            (.clip(lowest: -4, highest: 5), grid(1, -10), [6, 7, 10, 13, 15]),
            (.leakyReLU(slope: 0.25), grid(0.25, -2), [2, 5, 8, 20, 40]),
            // 0.00247, 0.04743, 0.5, 0.95257, 0.99966
            (.sigmoid, grid(0.01), [0, 5, 50, 95, 100]),
            // 0, 0, 0.5, 1, 1
            (.hardSigmoid, grid(0.01), [0, 0, 50, 100, 100]),
            // −0.01483, −0.14228, 0, 2.85772, 7.99732
            (.silu, grid(0.05, -1), [20, 17, 20, 77, 180]),
            // 0, 0, 0, 3, 8
            (.hardSwish, grid(0.05, -1), [20, 20, 20, 80, 180]),
        ] as [(PackedActivation, PackedQuantizer, [Int32])] {
            try expectCodes(
                [5], [([0], .function(function, output: output))], pixels, codes, offset: -6)
        }
    }

    @Test func `a softmax of the logits`() throws {
        var model = model([3], [showing(3).operation, .reshape([3, 1, 1]), .softmax])
        model.input.quantizer?.offset = 0
        let trace = try ReferenceInterpreter(model).trace(pixels: [1, 2, 4])
        // e^−3, e^−2 and 1, divided by their sum 1.18512.
        for (found, expected) in zip(trace.logits, [0.042010, 0.114195, 0.843795] as [Float]) {
            #expect(abs(found - expected) < 1e-6)
        }
        #expect(trace.codes == [[1, 2, 4], [], [], []])
        #expect(try Engine(model).logits(pixels: [1, 2, 4]) == trace.logits)
    }
}
