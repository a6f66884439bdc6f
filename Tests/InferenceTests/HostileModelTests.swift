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
        expectRefused(model, .inputCount(place, found: 0, expected: 1...1))
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
            model.input.quantizer?.bits = bits
            expectRefused(
                model, .value(.input, of: "the width of a quantizer", found: Double(bits)))
        }
        for scale in [0, -1, Float.infinity, Float.leastNonzeroMagnitude] {
            var model = valid
            model.input.quantizer?.scale = scale
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
        model.nodes.append(PackedNode(name: "part", inputs: [1], operation: .slice(0..<1)))
        expectRefused(model, .output(place, isQuantized: false))
        // Flattening may follow, but has to read the real value.
        model.nodes[1].operation = .flatten
        #expect(throws: Never.self) { try Engine(model) }
        model.nodes[1].inputs = [0]
        expectRefused(model, .output(place, isQuantized: false))
    }

    @Test func `a softmax of codes or before the end is refused`() {
        var model = valid
        model.nodes.append(PackedNode(name: "n1", inputs: [1], operation: .softmax))
        #expect(throws: Never.self) { try Engine(model) }
        model.nodes.append(PackedNode(name: "n2", inputs: [2], operation: .flatten))
        expectRefused(model, .softmax(.node("n1")))
        expectRefused(
            chain([3], quantizer(bits: 4, isSigned: false), [.softmax]), .softmax(place))
    }

    /// One operation `n0` on an image `[4, 3, 2]`, which it reads `inputs` times.
    private func image(_ operation: PackedOperation, inputs: Int = 1) -> PackedModel {
        var model = chain(
            [4, 3, 2], quantizer(bits: 4, isSigned: false), [operation, showing(24).operation])
        model.nodes[0].inputs = [Int](repeating: 0, count: inputs)
        return model
    }

    @Test func `operations that do not fit their inputs are refused`() {
        let grid = quantizer(bits: 4, isSigned: false)
        let pair = 2...255
        expectRefused(
            image(.add(.identity, output: grid)), .inputCount(place, found: 1, expected: pair))
        expectRefused(
            image(.concatenation(output: grid), inputs: 256),
            .inputCount(place, found: 256, expected: pair))
        expectRefused(
            image(.multiply(output: grid), inputs: 3),
            .inputCount(place, found: 3, expected: 2...2))
        for (operation, error) in [
            (
                PackedOperation.reshape([23]),
                EngineError.count(
                    place, of: "values of the new shape", found: 23, expected: [24])
            ),
            (.reshape([6, 4]), .shape(place, found: [6, 4], sizes: [1, 3])),
            (.reshape([.max, 2, 2]), .shape(place, found: [.max, 2, 2], sizes: [1, 3])),
            (
                .slice(2..<5),
                .count(place, of: "channels to take up to 5", found: 2, expected: [0, 4])
            ),
            (
                .slice(1..<1),
                .count(place, of: "channels to take up to 1", found: 1, expected: [0, 4])
            ),
            (
                .slice(-1..<2),
                .count(place, of: "channels to take up to 2", found: -1, expected: [0, 4])
            ),
            (
                .channelShuffle(groups: 3),
                .value(place, of: "the number of groups of 4 channels", found: 3)
            ),
            (
                .channelShuffle(groups: 0),
                .value(place, of: "the number of groups of 4 channels", found: 0)
            ),
            (
                .padding([1, 2, 3]),
                .count(place, of: "sides of the padding", found: 3, expected: [4])
            ),
            (.padding([0, 0, -1, 0]), .value(place, of: "a padding", found: -1)),
            (
                .padding([1 << 28, 0, 0, 0]),
                .shape(place, found: [4, 3 + 1 << 28, 2], sizes: [3])
            ),
            (
                .function(.leakyReLU(slope: .infinity), output: grid),
                .value(place, of: "the slope of the leaky ReLU", found: .infinity)
            ),
        ] {
            expectRefused(image(operation), error)
        }
        expectRefused(
            image(.add(.silu, output: grid), inputs: 2), .activation(place, found: .silu))
        let crossed = PackedActivation.clip(lowest: 2, highest: 1)
        expectRefused(
            image(.add(crossed, output: grid), inputs: 2), .activation(place, found: crossed))
        expectRefused(changed { $0.activation = .sigmoid }, .activation(place, found: .sigmoid))
        expectRefused(
            changed { $0.activation = .clip(lowest: -.infinity, highest: 1) },
            .value(place, of: "a bound of the clip", found: -.infinity))
    }

    @Test func `inputs of shapes that do not go together are refused`() {
        let grid = quantizer(bits: 4, isSigned: false)
        for (operation, expected) in [
            (PackedOperation.add(.identity, output: grid), [4, 3, 2]),
            (.multiply(output: grid), [4, 3, 2]), (.concatenation(output: grid), [3, 3, 2]),
        ] {
            var model = chain(
                [4, 3, 2], grid,
                [.reshape([3, 4, 2]), operation, showing(24).operation])
            model.nodes[1].inputs = [0, 1]
            expectRefused(
                model, .inputShape(.node("n1"), found: [3, 4, 2], expected: expected))
        }
    }

    @Test func `every quantizer is checked`() {
        let bad = PackedQuantizer(bits: 4, isSigned: false, scale: .nan, offset: 0)
        let window = PackedWindow(kernel: [1, 1], stride: [1, 1])
        for (operation, inputs) in [
            (PackedOperation.add(.identity, output: bad), 2), (.multiply(output: bad), 2),
            (.concatenation(output: bad), 2), (.function(.sigmoid, output: bad), 1),
            (.averagePooling(window, output: bad), 1),
        ] {
            let model = image(operation, inputs: inputs)
            #expect {
                try Engine(model)
            } throws: {
                guard
                    case EngineError.value(.node("n0"), "the scale of a quantizer", _)? =
                        $0 as? EngineError
                else { return false }
                return true
            }
        }
    }

    @Test func `groups that do not divide channels or outputs are refused`() {
        let window = PackedWindow(kernel: [1, 1], stride: [1, 1], groups: 3)
        expectRefused(
            image(.convolution(layer([3, 1, 1, 1], [1, 1, 1]), window)),
            .value(place, of: "the number of groups of 4 channels", found: 3))
        var two = window
        two.groups = 2
        expectRefused(
            image(.convolution(layer([3, 2, 1, 1], [1, 1, 1, 1, 1, 1]), two)),
            .value(place, of: "the number of groups of 3 channels", found: 2))
        expectRefused(
            image(.convolution(layer([2, 4, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1]), two)),
            .count(place, of: "weights an output", found: 4, expected: [2]))
        expectRefused(
            image(.maxPooling(two)), .value(place, of: "the number of groups", found: 2))
    }

    @Test func `a mean whose sum could overflow is refused`() {
        let side = 1 << 12
        let model = chain(
            [1, side, side], quantizer(bits: 8, isSigned: false),
            [
                .averagePooling(
                    PackedWindow(kernel: [side, side], stride: [1, 1]),
                    output: quantizer(bits: 8, isSigned: false)), showing(1).operation,
            ])
        expectRefused(
            model, .accumulator(place, output: 0, bound: side * side * 255, limit: 2_147_483_647))
    }

    @Test func `sums and products that the fixed-point rule can not represent are refused`() {
        let fine = PackedQuantizer(bits: 4, isSigned: false, scale: 1e-30, offset: 0)
        for operation in [PackedOperation.add(.identity, output: fine), .multiply(output: fine)] {
            let model = image(operation, inputs: 2)
            for make in [{ _ = try Engine(model) }, { _ = try ReferenceInterpreter(model) }] {
                #expect(throws: EngineError.self) { try make() }
            }
        }
    }

    @Test func `a run that would need gigabytes is refused`() {
        let side = 1 << 14 - 1
        let border = PackedOperation.padding([side - 1, side - 1, 0, 0])
        let grid = quantizer(bits: 4, isSigned: false)
        var model = chain(
            [1, 1, 1], grid,
            [PackedOperation](repeating: border, count: 9) + [.add(.relu, output: grid)]
                + [
                    .maxPooling(
                        PackedWindow(kernel: [side, side], stride: [1, 1])),
                    showing(1).operation,
                ])
        for index in 0..<9 { model.nodes[index].inputs = [0] }
        model.nodes[9].inputs = Array(1...9)
        #expect {
            try Engine(model)
        } throws: {
            guard case EngineError.memory(let needed, 2_147_483_648)? = $0 as? EngineError else {
                return false
            }
            return needed > 9 * side * side
        }
    }

    /// Kernels want a bit for each place of a layer: those of layers of one size are the same, others add
    /// up, and a program that is refused makes none.
    @Test func `many large images, of which a small file can tell, are refused`() {
        let (side, count) = (1 << 14, 64)
        let grid = quantizer(bits: 4, isSigned: false)
        let window = PackedWindow(kernel: [2, 1], stride: [1, 1])
        let halving = PackedOperation.convolution(
            layer([1, 1, 2, 1], [1, 0], output: grid), window)
        let model = chain(
            [1, side, side], grid,
            [PackedOperation](repeating: halving, count: count) + [
                .maxPooling(PackedWindow(kernel: [side - count, side], stride: [1, 1])),
                showing(1).operation,
            ])
        // The first two images and what the kernel sorts between them; a bit for each place of all results.
        let arena = side * side + (side - 1) * side + 512
        let bits = (1...count).reduce(0) { $0 + (side - $1) * side / 8 }
        #expect(throws: EngineError.memory(needed: arena + bits, limit: 2 << 30)) {
            try Engine(model)
        }
    }

    @Test func `windows that do not fit their input are refused`() {
        let windows = [
            PackedWindow(kernel: [4, 1], stride: [1, 1]),
            PackedWindow(kernel: [1, 1], stride: [0, 1]),
            PackedWindow(kernel: [0, 1], stride: [1, 1]),
            PackedWindow(kernel: [-1, 1], stride: [1, 1]),
            PackedWindow(kernel: [1], stride: [1, 1]), PackedWindow(kernel: [], stride: [1, 1]),
            PackedWindow(kernel: [1, 1], stride: [1, .max]),
            PackedWindow(kernel: [1, 1], stride: [1, 1], padding: [-1, 0]),
            PackedWindow(kernel: [1, 1], stride: [1, 1], padding: [1, 0]),
            PackedWindow(kernel: [2, 2], stride: [1, 1], padding: [2, 0]),
            PackedWindow(kernel: [1, 1], stride: [1, 1], dilation: [1]),
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
                        dilation: window.dilation, input: [3, 3])))
        }
        for kernel in [[1], [], [1, 2]] {
            let model = chain(
                [1, 3, 3], quantizer(bits: 4, isSigned: false),
                [
                    .convolution(
                        layer([1, 1, 1, 1], [1]), PackedWindow(kernel: kernel, stride: [1, 1]))
                ])
            #expect(throws: EngineError.self) { try Engine(model) }
        }
        for dilation in [[0, 1], [3, 1], [.max, 1], [1, 2, 3]] {
            let window = PackedWindow(kernel: [2, 1], stride: [1, 1], dilation: dilation)
            expectRefused(
                chain(
                    [1, 3, 3], quantizer(bits: 4, isSigned: false),
                    [.convolution(layer([1, 1, 2, 1], [1, 1]), window)]),
                .window(
                    place,
                    .init(
                        kernel: [2, 1], stride: [1, 1], padding: [0, 0], dilation: dilation,
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

    /// A border as large as one channel may have it does not spread to the forty of another value.
    @Test func `a border that is much larger than the image stays where it is`() throws {
        let grid = quantizer(bits: 4, isSigned: false)
        let point = PackedWindow(kernel: [1, 1], stride: [1, 1])
        let wide = PackedWindow(
            kernel: [3, 3], stride: [1, 1], padding: [4700, 4700], dilation: [4700, 4700])
        let model = chain(
            [40, 1, 18800], grid,
            [
                .convolution(
                    layer([1, 40, 1, 1], [Int8](repeating: 1, count: 40), output: grid), point),
                .convolution(layer([1, 1, 3, 3], [Int8](repeating: 1, count: 9)), wide),
            ])
        #expect(throws: Never.self) { try Engine(model, options: EngineOptions(isa: .scalar)) }
    }

    @Test func `an engine needs a thread`() {
        #expect(throws: EngineError.threads(found: 0)) {
            try Engine(valid, options: EngineOptions(threads: 0))
        }
    }

    // MARK: Small files that ask for a lot

    /// A convolution that reads its whole image at once.
    private func wholeImage(side: Int, channels: Int, bits: Int, weight: Int8) -> PackedModel {
        let count = channels * side * side
        var weights = PackedTensor(
            shape: [channels, 1, side, side], levels: [0, 1], gaps: [], codes: [], scales: [1])
        if weight != 0 {
            weights.gaps = [UInt32](repeating: 0, count: count)
            weights.codes = [UInt8](repeating: 1, count: count)
        }
        let layer = PackedLayer(
            weights: weights,
            bias: PackedBias(bits: 2, scale: 1, codes: [Int16](repeating: 0, count: channels)),
            activation: .identity, output: nil)
        return chain(
            [channels, side, side], quantizer(bits: bits, isSigned: false),
            [
                .convolution(
                    layer, PackedWindow(kernel: [side, side], stride: [1, 1], groups: channels))
            ])
    }

    /// The ways to cut its channels into blocks, and its taps into runs, were tried one by one: hours.
    @Test(.timeLimit(.minutes(1)), arguments: [(1, 2), (2, 8)])
    func `a kernel as large as a large image is packed in a moment`(channels: Int, bits: Int) throws
    {
        let model = wholeImage(side: 1500, channels: channels, bits: bits, weight: 1)
        #expect(try Engine(model).plan.layers.count == 1)
    }

    @Test func `layers whose tables would take more than the file are refused`() {
        let limit = 512 << 20
        let side = 1 << 14
        #expect(throws: EngineError.memory(needed: 128 + 4 * side * side, limit: limit)) {
            try Engine(wholeImage(side: side, channels: 1, bits: 8, weight: 0))
        }
        let outputs = 1 << 23
        let wide = chain(
            [1], quantizer(bits: 8, isSigned: false),
            [
                .linear(
                    PackedLayer(
                        weights: PackedTensor(
                            shape: [outputs, 1], levels: [0], gaps: [], codes: [], scales: [1]),
                        bias: PackedBias(
                            bits: 2, scale: 1, codes: [Int16](repeating: 0, count: outputs)),
                        activation: .identity, output: nil))
            ])
        #expect(throws: EngineError.memory(needed: 128 * outputs + 4, limit: limit)) {
            try Engine(wide)
        }
    }

    /// They were sorted anew for each: minutes.
    @Test(.timeLimit(.minutes(1)))
    func `arenas place many buffers that live together one behind another`() {
        var layout = ArenaLayout()
        for step in 0..<50_000 {
            layout.extend(layout.add(byteCount: 64 + step % 3, at: 0), to: step)
        }
        layout.place()
        let sorted = layout.buffers.sorted { $0.offset < $1.offset }
        for (one, next) in zip(sorted, sorted.dropFirst()) {
            #expect(one.offset + one.byteCount <= next.offset)
        }
        #expect(layout.byteCount == layout.buffers.reduce(0) { $0 + $1.byteCount })
    }
}
