import Inference
import PackedModel
import Testing

/// Models that nobody should have made: each is refused by engine and interpreter with one exact error.
@Suite struct HostileModelTests {
    private let place = EngineError.Place.node("n0")

    private func layer(
        _ shape: [Int], _ weights: [Int8], output: PackedQuantizer? = nil
    ) -> PackedLayer {
        PackedLayer(
            weights: packedTensor(shape: shape, weights: weights, scales: [1]),
            bias: PackedBias(
                bits: 2, scale: 1, codes: [Int16](repeating: 0, count: shape.first ?? 0)),
            activation: .identity, output: output)
    }

    /// One fully connected layer of 2 outputs over 3 inputs.
    private var valid: PackedModel {
        chain(
            [3], quantizer(bits: 8, isSigned: false),
            [.linear(layer([2, 3], [1, 0, 2, 0, 0, 3]))])
    }

    private func changed(_ change: (inout PackedLayer) -> Void) -> PackedModel {
        var model = valid
        guard case .linear(var layer) = model.nodes[0].operation else { return model }
        change(&layer)
        model.nodes[0].operation = .linear(layer)
        return model
    }

    private func expectRefused(
        _ model: PackedModel, _ error: EngineError,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(throws: error, sourceLocation: sourceLocation) { try Engine(model) }
        #expect(throws: error, sourceLocation: sourceLocation) { try ReferenceInterpreter(model) }
        #expect(!error.description.isEmpty)
    }

    @Test func `the model that the others are made from is accepted`() throws {
        #expect(try Engine(valid).logits(pixels: [0, 0, 0]).count == 2)
    }

    @Test func `an accumulator that could overflow is refused`() {
        let weights = [Int8](repeating: -128, count: 65_800)
        let model = chain(
            [65_800], quantizer(bits: 8, isSigned: false), [.linear(layer([1, 65_800], weights))])
        let bound = 65_800 * 128 * 255
        expectRefused(model, .accumulator(place, output: 0, bound: bound, limit: 2_147_483_647))
        // The same weights with smaller activations fit.
        let narrow = chain(
            [65_800], quantizer(bits: 7, isSigned: false), [.linear(layer([1, 65_800], weights))])
        #expect(throws: Never.self) { try Engine(narrow) }
    }

    @Test func `references to values that do not exist yet are refused`() {
        var model = valid
        model.nodes[0].inputs = [1]
        expectRefused(model, .unknownInput(place, found: 1, highest: 0))
        model.nodes[0].inputs = [-1]
        expectRefused(model, .unknownInput(place, found: -1, highest: 0))
        model.nodes[0].inputs = []
        expectRefused(model, .inputCount(place, found: 0, expected: 1))
        model.nodes = []
        expectRefused(model, .noNodes)
    }

    @Test func `shapes that are not positive, too large or of the wrong kind are refused`() {
        for shape in [
            [], [0], [3, 1], [-3], [1 << 40], [1 << 15, 1 << 15, 1 << 15], [.max, .max, .max],
        ] {
            var model = valid
            model.input.shape = shape
            expectRefused(model, .shape(.input, found: shape, sizes: [1, 3]))
        }
        expectRefused(
            changed { $0.weights.shape = [2, .max] },
            .shape(place, found: [2, .max], sizes: [2]))
        expectRefused(
            changed { $0.weights.shape = [2, 2] },
            .count(place, of: "weights an output", found: 2, expected: [3]))
    }

    @Test func `weights outside their tensor are refused`() {
        expectRefused(
            changed { $0.weights.gaps[2] = 3 }, .weightPosition(place, found: 6, count: 6))
        expectRefused(
            changed { $0.weights.gaps = [.max, .max, .max] },
            .weightPosition(place, found: Int(UInt32.max), count: 6))
        expectRefused(
            changed { $0.weights.gaps.append(0) },
            .count(place, of: "codes", found: 3, expected: [4]))
        expectRefused(
            changed { $0.weights.codes[1] = 4 }, .value(place, of: "a weight's code", found: 4))
        expectRefused(
            changed { $0.weights.codes[1] = 0 }, .value(place, of: "a weight's code", found: 0))
        expectRefused(
            changed { $0.weights.levels = [] },
            .count(place, of: "levels", found: 0, expected: [1, 256]))
        expectRefused(
            changed { $0.weights.levels[0] = 9 }, .value(place, of: "level 0", found: 9))
    }

    @Test func `scales and biases that do not fit are refused`() {
        expectRefused(
            changed { $0.weights.scales = [1, 1, 1] },
            .count(place, of: "scales", found: 3, expected: [1, 2]))
        expectRefused(
            changed { $0.weights.scales = [0] }, .value(place, of: "a scale of weights", found: 0))
        expectRefused(
            changed { $0.weights.scales = [.infinity] },
            .value(place, of: "a scale of weights", found: .infinity))
        expectRefused(
            changed { $0.bias.codes = [1] },
            .count(place, of: "bias codes", found: 1, expected: [2]))
        expectRefused(
            changed { $0.bias.scale = -1 }, .value(place, of: "the scale of the bias", found: -1))
    }

    @Test func `quantizers that do not fit are refused`() {
        for bits in [Int.min, 0, 1, 9, .max] {
            var model = valid
            model.input.quantizer.bits = bits
            expectRefused(
                model, .value(.input, of: "the width of a quantizer", found: Double(bits)))
        }
        for scale in [0, -1, Float.infinity, Float.leastNonzeroMagnitude] {
            var model = valid
            model.input.quantizer.scale = scale
            expectRefused(
                model, .value(.input, of: "the scale of a quantizer", found: Double(scale)))
        }
        var model = valid
        model.input.deviation = [0]
        expectRefused(model, .value(.input, of: "a deviation", found: 0))
        model.input.deviation = [1, 1]
        expectRefused(model, .count(.input, of: "deviations", found: 2, expected: [1, 3]))
    }

    @Test func `real values inside the network and codes at its end are refused`() {
        expectRefused(
            changed { $0.output = quantizer(bits: 4, isSigned: false) },
            .output(place, isQuantized: true))
        var model = valid
        model.nodes.append(PackedNode(name: "flat", inputs: [1], operation: .flatten))
        expectRefused(model, .output(place, isQuantized: false))
    }

    @Test func `windows that do not fit their input are refused`() {
        let windows = [
            PackedWindow(kernel: [4, 1], stride: [1, 1]),
            PackedWindow(kernel: [1, 1], stride: [0, 1]),
            PackedWindow(kernel: [0, 1], stride: [1, 1]),
            PackedWindow(kernel: [-1, 1], stride: [1, 1]),
            PackedWindow(kernel: [1], stride: [1, 1]),
            PackedWindow(kernel: [1, 1], stride: [1, .max]),
            PackedWindow(kernel: [1, 1], stride: [1, 1], padding: [-1, 0]),
            PackedWindow(kernel: [1, 1], stride: [1, 1], padding: [1, 0]),
            PackedWindow(kernel: [.max, 1], stride: [1, 1]),
        ]
        for window in windows {
            let model = chain(
                [1, 3, 3], quantizer(bits: 4, isSigned: false),
                [.maxPooling(window), showing(9).operation])
            expectRefused(
                model,
                .window(
                    place,
                    .init(
                        kernel: window.kernel, stride: window.stride, padding: window.padding,
                        input: [3, 3])))
        }
        let flat = chain(
            [9], quantizer(bits: 4, isSigned: false),
            [.maxPooling(PackedWindow(kernel: [1, 1], stride: [1, 1])), showing(9).operation])
        expectRefused(flat, .shape(place, found: [9], sizes: [3]))
    }

    @Test func `a border of astronomical size is refused`() {
        let window = PackedWindow(kernel: [1, 1], stride: [1, 1], padding: [1 << 27, 1 << 27])
        let model = chain(
            [1, 3, 3], quantizer(bits: 4, isSigned: false),
            [.convolution(layer([1, 1, 1, 1], [1]), window)])
        let size = 3 + 1 << 28
        expectRefused(model, .shape(place, found: [1, size, size], sizes: [3]))
    }

    @Test func `an engine needs a thread`() {
        #expect(throws: EngineError.threads(found: 0)) {
            try Engine(valid, options: EngineOptions(threads: 0))
        }
    }
}
