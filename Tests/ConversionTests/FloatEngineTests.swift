import Inference
import PackedModel
import Tensors
import Testing

/// Single layers of models in floats, in the engine and in a slow loop.
struct FloatEngineTests {
    /// A layer over images `[channels, height, width]`, or over features.
    struct Shape: Sendable, CustomStringConvertible {
        var input: [Int]
        var outputs: Int
        var window: PackedWindow?
        var description: String { "\(input) to \(outputs), \(window.map { "\($0)" } ?? "linear")" }

        init(_ input: [Int], _ outputs: Int, _ window: PackedWindow? = nil) {
            (self.input, self.outputs, self.window) = (input, outputs, window)
        }

        static func window(
            _ kernel: [Int], stride: Int = 1, padding: [Int] = [0, 0], dilation: Int = 1,
            groups: Int = 1
        ) -> PackedWindow {
            PackedWindow(
                kernel: kernel, stride: [stride, stride], padding: padding,
                dilation: [dilation, dilation], groups: groups)
        }

        static let all = [
            Shape([1], 1), Shape([70], 5), Shape([33], 70), Shape([3, 4, 5], 17),
            Shape([200], 100), Shape([5, 1, 1], 9, window([1, 1])),
            Shape([3, 7, 6], 5, window([3, 3])),
            Shape([3, 7, 6], 70, window([3, 3], padding: [1, 1])),
            Shape([4, 9, 8], 6, window([3, 3], stride: 2, padding: [1, 1])),
            Shape([6, 5, 9], 33, window([1, 1])), Shape([6, 9, 9], 5, window([1, 1], stride: 2)),
            Shape([8, 7, 9], 8, window([3, 3], padding: [1, 1], groups: 8)),
            Shape([8, 9, 9], 8, window([5, 5], stride: 2, padding: [2, 2], groups: 8)),
            Shape([6, 8, 7], 9, window([3, 2], padding: [1, 1], groups: 3)),
            Shape([4, 9, 9], 8, window([3, 3], padding: [2, 2], dilation: 2)),
            Shape([4, 8, 8], 6, window([1, 1], groups: 2)),
            Shape([2, 5, 5], 7, window([5, 5])), Shape([16, 20, 20], 3, window([3, 3])),
            // Images of one position, which are no features to windows that reach beyond.
            Shape([6, 1, 1], 9, window([3, 3], padding: [1, 1])),
            Shape([6, 1, 1], 9, window([1, 1], stride: 2)),
            Shape([6, 1, 1], 9, window([3, 3], stride: 2, padding: [1, 1])),
            Shape([6, 1, 1], 9, window([1, 1], groups: 3)),
            Shape([6, 1, 1], 9, window([3, 3], padding: [1, 1], groups: 3)),
            Shape([6, 1, 1], 6, window([3, 3], padding: [1, 1], groups: 6)),
            Shape([64, 1, 1], 70, window([5, 5], padding: [2, 2])),
        ]
    }

    private static func model(
        _ shape: Shape, isHalf: Bool, density: Float, using random: inout SeededGenerator
    ) -> PackedModel {
        let channels = shape.input[0] / (shape.window?.groups ?? 1)
        let weightShape =
            [shape.outputs]
            + (shape.window.map { [channels] + $0.kernel } ?? [shape.input.reduce(1, *)])
        let count = weightShape.reduce(1, *)
        let places = (0..<count).filter { _ in Float.random(in: 0..<1, using: &random) < density }
        let gaps = zip([-1] + places, places).map { UInt32($1 - $0 - 1) }
        let scales = (0..<shape.outputs).map { _ in Float.random(in: 0.01...0.02, using: &random) }
        var weights: PackedTensor
        if isHalf {
            weights = PackedTensor(
                shape: weightShape, gaps: gaps,
                halves: places.map { _ in
                    HalfPrecision.bits(rounding: 50 * random.normal() + 1e-3)
                }, scales: scales)
        } else {
            let levels = [0] + (-127...127).filter { $0 != 0 }.map { Int8($0) }
            weights = PackedTensor(
                shape: weightShape, levels: levels, gaps: gaps,
                codes: places.map { _ in UInt8.random(in: 1...254, using: &random) },
                scales: density < 0.5 ? [scales[0]] : scales)
        }
        weights.scales = weights.scales.enumerated().map {
            weights.scales.count > 1 && $0 % 3 == 1 ? -$1 : $1
        }
        let bias = (0..<shape.outputs).map { _ in Int16.random(in: -99...99, using: &random) }
        let layer = PackedLayer(
            weights: weights, bias: PackedBias(bits: 8, scale: 0.01, codes: bias),
            activation: density < 0.5 ? .relu : .identity, output: nil)
        let parts = shape.input.count == 3 ? shape.input[0] : 1
        return PackedModel(
            name: "layer",
            input: PackedInput(
                shape: shape.input, pixelScale: 1 / 64,
                mean: (0..<parts).map { 0.1 * Float($0) + 1 },
                deviation: (0..<parts).map { _ in 0.5 }, quantizer: nil),
            nodes: [
                PackedNode(
                    name: "layer", inputs: [0],
                    operation: shape.window.map { .convolution(layer, $0) } ?? .linear(layer))
            ])
    }

    @Test(arguments: Shape.all, [true, false])
    func `a layer computes what a slow loop does, on every kernel`(
        shape: Shape, isHalf: Bool
    ) throws {
        var random = SeededGenerator(seed: 21)
        for density in [1, 0.3, 0.05] as [Float] {
            let model = Self.model(shape, isHalf: isHalf, density: density, using: &random)
            let size = shape.input.reduce(1, *)
            let samples = (0..<5 * size).map { _ in
                Float(Int.random(in: 0...255, using: &random))
            }
            let expected = stride(from: 0, to: samples.count, by: size).flatMap {
                SlowModel(model: model).values(of: Array(samples[$0..<$0 + size])).last!.reals
            }
            let largest = expected.map { abs($0) }.max()!
            for kernels in KernelPreference.allCases {
                for isa in KernelSet.available {
                    var options = EngineOptions(isa: InstructionSet(rawValue: isa.isa)!)
                    options.kernels = kernels
                    let found = try Engine(model, options: options).logits(samples: samples)
                    let worst = zip(found, expected).map { abs(Double($0) - $1) }.max()!
                    #expect(
                        worst <= 1e-5 * largest, "density \(density), \(kernels), \(isa.isa)")
                }
            }
        }
    }

    @Test(arguments: Shape.all, [true, false])
    func `a sample yields the same bits in any batch, on any number of threads`(
        shape: Shape, isHalf: Bool
    ) throws {
        var random = SeededGenerator(seed: 22)
        for density in [1, 0.1] as [Float] {
            let model = Self.model(shape, isHalf: isHalf, density: density, using: &random)
            let alone = try Engine(model)
            let pixels = (0..<37 * alone.inputCount).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            let singles = (0..<37).flatMap {
                alone.logits(
                    pixels: Array(pixels[$0 * alone.inputCount..<($0 + 1) * alone.inputCount]))
            }
            #expect(alone.logits(pixels: pixels) == singles)
            #expect(alone.logits(samples: pixels.map(Float.init)) == singles)
            let three = try Engine(model, options: EngineOptions(threads: 3))
            #expect(three.logits(pixels: pixels) == singles)
        }
    }

    @Test func `threads share a large layer without changing its results`() throws {
        var random = SeededGenerator(seed: 23)
        let shapes = [
            Shape([2000], 1500), Shape([32, 30, 30], 96, Shape.window([3, 3], padding: [1, 1])),
            Shape([32, 40, 40], 24, Shape.window([3, 3], padding: [1, 1])),
            Shape([64, 40, 40], 24, Shape.window([1, 1])),
        ]
        for shape in shapes {
            for isHalf in [true, false] {
                for density in [1, 0.1] as [Float] {
                    let model = Self.model(shape, isHalf: isHalf, density: density, using: &random)
                    let (one, three) = (
                        try Engine(model), try Engine(model, options: EngineOptions(threads: 3))
                    )
                    let pixels = (0..<one.inputCount).map { _ in
                        UInt8.random(in: 0...255, using: &random)
                    }
                    #expect(three.logits(pixels: pixels) == one.logits(pixels: pixels))
                }
            }
        }
    }

    @Test func `samples that are no numbers, or all zero, stop nothing`() throws {
        var random = SeededGenerator(seed: 24)
        for isHalf in [true, false] {
            for shape in [Shape.all[1], Shape.all[7]] {
                let model = Self.model(shape, isHalf: isHalf, density: 1, using: &random)
                let engine = try Engine(model)
                for value in [.nan, .infinity, 3e38, 0] as [Float] {
                    let sample = [Float](repeating: value, count: engine.inputCount)
                    #expect(engine.logits(samples: sample).count == engine.outputCount)
                }
                // What is not a number counts as real zero: as a sample of the mean.
                var zero = model
                zero.input.mean = zero.input.mean.map { _ in 0 }
                let size = engine.inputCount
                let zeros = try Engine(zero)
                #expect(
                    zeros.logits(samples: [Float](repeating: .nan, count: size))
                        == zeros.logits(samples: [Float](repeating: 0, count: size)))
            }
        }
    }

    @Test func `a plan tells which layers multiply floats and which integers`() throws {
        var random = SeededGenerator(seed: 25)
        let (linear, image) = (Shape.all[4], Shape.all[7])
        func plan(_ shape: Shape, isHalf: Bool, density: Float) throws -> Plan.Layer {
            try Engine(Self.model(shape, isHalf: isHalf, density: density, using: &random)).plan
                .layers[0]
        }
        #expect(try plan(linear, isHalf: true, density: 1).kernel.hasPrefix("f32_window__"))
        #expect(try plan(linear, isHalf: true, density: 0.05).kernel.hasPrefix("f32_sparse__"))
        #expect(try plan(image, isHalf: true, density: 0.1).kernel.hasPrefix("f32_sparse__"))
        let dynamic = try plan(image, isHalf: false, density: 1)
        #expect(dynamic.kernel.hasPrefix("dynamic_u8_s8_"))
        #expect(dynamic.accumulatorBound > 0 && dynamic.weights == 70 * 27)
    }

    @Test func `a layer without nonzero weights takes no memory for them, and yields its bias`()
        throws
    {
        let layer = PackedLayer(
            weights: PackedTensor(
                shape: [10_000, 20_000], levels: [0], gaps: [], codes: [], scales: [1]),
            bias: PackedBias(
                bits: 8, scale: 0.5, codes: (0..<10_000).map { Int16($0 % 100) }),
            activation: .identity, output: nil)
        let model = PackedModel(
            name: "empty",
            input: PackedInput(
                shape: [20_000], pixelScale: 1, mean: [0], deviation: [1], quantizer: nil),
            nodes: [PackedNode(name: "fc", inputs: [0], operation: .linear(layer))])
        let engine = try Engine(model)
        #expect(engine.plan.layers[0].packedBytes < 1 << 20)
        let logits = engine.logits(pixels: [UInt8](repeating: 9, count: 40_000))
        #expect(logits == (0..<20_000).map { 0.5 * Float($0 % 100) })
    }

    /// Behind the layer whose values are flattened comes one that nobody reads.
    @Test(arguments: [[1], [1, 3]] as [[Int]])
    func `a flattened result survives layers behind it`(flattened: [Int]) throws {
        func scaling(by scale: Float) -> PackedOperation {
            let one = HalfPrecision.bits(rounding: 1)
            return .linear(
                PackedLayer(
                    weights: PackedTensor(
                        shape: [8, 8], gaps: (0..<8).map { $0 == 0 ? 0 : 8 },
                        halves: [UInt16](repeating: one, count: 8), scales: [scale]),
                    bias: PackedBias(bits: 8, scale: 1, codes: [Int16](repeating: 0, count: 8)),
                    activation: .identity, output: nil))
        }
        var model = PackedModel(
            name: "branches",
            input: PackedInput(
                shape: [8], pixelScale: 1, mean: [0], deviation: [1], quantizer: nil),
            nodes: [
                PackedNode(name: "double", inputs: [0], operation: scaling(by: 2)),
                PackedNode(name: "triple", inputs: [0], operation: scaling(by: 3)),
            ])
        for (index, value) in flattened.enumerated() {
            model.nodes.append(
                PackedNode(name: "flatten\(index)", inputs: [value], operation: .flatten))
        }
        let pixels = (0..<24 as Range<UInt8>).map { $0 + 1 }
        #expect(try Engine(model).logits(pixels: pixels) == pixels.map { 2 * Float($0) })
    }

    /// More of them than tables are made for.
    @Test func `features may each have a mean and a deviation`() throws {
        let count = 5000
        var random = SeededGenerator(seed: 27)
        var model = Self.model(Shape([count], 3), isHalf: true, density: 0.1, using: &random)
        let pixels = (0..<2 * count).map { _ in UInt8.random(in: 0...255, using: &random) }
        model.input.mean = (0..<count).map { Float($0 % 99) / 64 }
        model.input.deviation = (0..<count).map { Float($0 % 17 + 1) }
        let engine = try Engine(model)
        #expect(engine.logits(pixels: pixels) == engine.logits(samples: pixels.map(Float.init)))
        let expected = SlowModel(model: model).values(of: pixels[..<count].map(Float.init)).last!
        for (found, real) in zip(engine.logits(pixels: Array(pixels[..<count])), expected.reals) {
            #expect(abs(Double(found) - real) <= 1e-4 * expected.reals.map(abs).max()!)
        }
        // Equal ones count as one.
        model.input.mean = [Float](repeating: 0.5, count: count)
        model.input.deviation = [Float](repeating: 2, count: count)
        var single = model
        (single.input.mean, single.input.deviation) = ([0.5], [2])
        #expect(try Engine(model).logits(pixels: pixels) == Engine(single).logits(pixels: pixels))
    }

    @Test func `a model that mixes both arithmetics is refused`() throws {
        var random = SeededGenerator(seed: 26)
        let model = Self.model(Shape.all[1], isHalf: true, density: 1, using: &random)
        let grid = PackedQuantizer(bits: 8, isSigned: false, scale: 1, offset: 0)
        var quantized = model
        quantized.input.quantizer = grid
        #expect(throws: EngineError.arithmetic(.node("layer"), isFloat: false)) {
            try Engine(quantized)
        }
        var output = model
        output.nodes[0].operation.layer!.output = grid
        #expect(throws: EngineError.arithmetic(.node("layer"), isFloat: true)) {
            try Engine(output)
        }
        var infinite = model
        infinite.nodes[0].operation.layer!.weights.halves[3] = 0x7C00
        #expect(throws: EngineError.value(.node("layer"), of: "a weight", found: .infinity)) {
            try Engine(infinite)
        }
        var missing = model
        missing.nodes[0].operation.layer!.weights.halves.removeLast()
        #expect(throws: EngineError.self) { try Engine(missing) }
        var outside = model
        outside.nodes[0].operation.layer!.weights.gaps[0] += 5
        #expect(throws: EngineError.weightPosition(.node("layer"), found: 350, count: 350)) {
            try Engine(outside)
        }
    }
}
