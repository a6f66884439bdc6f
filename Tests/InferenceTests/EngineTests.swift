import CIntegerKernels
import Inference
import PackedModel
import Testing

/// The variants that this CPU runs, each with sparse and with dense packing.
let variants: [EngineOptions] = KernelSet.available.flatMap { set in
    [KernelPreference.sparse, .dense].map { preference in
        var options = EngineOptions(isa: InstructionSet(rawValue: set.isa)!)
        options.kernels = preference
        options.leastInBlock = 16
        return options
    }
}

/// Runs `count` random images through engine and interpreter and compares bit for bit.
func expectEqual(
    _ model: PackedModel, _ options: EngineOptions, count: Int, seed: UInt64,
    _ what: @autoclosure () -> String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    var random = SplitMix(seed)
    let engine = try Engine(model, options: options)
    let reference = try ReferenceInterpreter(model)
    let pixels = random.pixels(count * engine.inputCount)
    let found = engine.logits(pixels: pixels)
    let expected = (0..<count).flatMap { index in
        let start = index * engine.inputCount
        return reference.logits(pixels: Array(pixels[start..<start + engine.inputCount]))
    }
    guard found.map(\.bitPattern) != expected.map(\.bitPattern) else { return }
    let index = zip(found, expected).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    Issue.record(
        """
        seed \(seed), \(what()), batch \(count): logit \(index ?? -1) of \(found.count) is \
        \(index.map { found[$0] } ?? 0), expected \(index.map { expected[$0] } ?? 0)
        """, sourceLocation: sourceLocation)
}

@Suite struct EngineTests {
    static let edges =
        Array(0...40) + [63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 769]

    /// More of them than tables are made for.
    @Test func `features may each have a mean and a deviation`() throws {
        let count = 5000
        var random = SplitMix(28)
        let layer = randomLayer(
            shape: [7, count], recipe: LayerRecipe(), output: nil, using: &random)
        var model = chain([count], quantizer(bits: 6, isSigned: true), [.linear(layer)])
        model.input.mean = (0..<count).map { Float($0 % 99) / 99 }
        model.input.deviation = (0..<count).map { Float($0 % 17 + 1) / 9 }
        let pixels = random.pixels(67 * count)
        let logits = try Engine(model).logits(pixels: pixels)
        let reference = try ReferenceInterpreter(model)
        for sample in [0, 3, 66] {
            let expected = reference.logits(
                pixels: Array(pixels[sample * count..<(sample + 1) * count]))
            #expect(Array(logits[7 * sample..<7 * (sample + 1)]) == expected)
        }
        #expect(InputCodes(model.input).table() == nil)
        // Equal ones count as one.
        model.input.mean = [Float](repeating: 0.5, count: count)
        model.input.deviation = [Float](repeating: 2, count: count)
        #expect(InputCodes(model.input).table()?.count == 256)
        var single = model
        (single.input.mean, single.input.deviation) = ([0.5], [2])
        #expect(try Engine(model).logits(pixels: pixels) == Engine(single).logits(pixels: pixels))
    }

    @Test(arguments: variants)
    func `a fully connected layer equals the interpreter for every number of inputs and outputs`(
        options: EngineOptions
    ) throws {
        var random = SplitMix(1)
        for inputs in Self.edges where inputs > 0 {
            for outputs in inputs <= 40 ? Array(1...33) : [1, 15, 16, 17, 33] {
                let layer = randomLayer(
                    shape: [outputs, inputs], recipe: LayerRecipe(), output: nil, using: &random)
                let model = chain(
                    [inputs], quantizer(bits: 6, isSigned: false), [.linear(layer)])
                try expectEqual(
                    model, options, count: outputs % 8 == 1 ? 17 : 1, seed: 7,
                    "\(inputs) inputs, \(outputs) outputs")
            }
        }
    }

    @Test(arguments: variants, 2...8)
    func `codes equal the interpreter's for every width, sign, offset, activation and density`(
        options: EngineOptions, bits: Int
    ) throws {
        var random = SplitMix(UInt64(bits))
        for choice in 0..<64 {
            let isSigned = choice & 1 != 0
            let offset: Float = choice & 2 != 0 ? 0.0371 : 0
            var recipe = LayerRecipe(
                density: [0, 0.08, 0.5, 1][choice >> 4], levels: levels(bits: bits),
                isPerChannel: choice & 4 != 0, relu: choice & 8 != 0)
            if choice >> 4 == 0 { recipe.isPerChannel = true }
            let input = quantizer(bits: bits, isSigned: isSigned, offset: offset)
            let hidden = PackedQuantizer(
                bits: bits, isSigned: !isSigned, scale: 1, offset: offset * 10)
            var layer = randomLayer(
                shape: [19, 70], recipe: recipe, output: hidden, using: &random)
            layer.bias.scale = 0.1
            let model = chain(
                [70], input, [.linear(layer), showing(19).operation])
            // A sample alone, one by one, and a block.
            for count in [1, 3, 17] {
                try expectEqual(
                    model, options, count: count, seed: 3,
                    "signed \(isSigned), offset \(offset), \(recipe)")
            }
        }
    }

    @Test(arguments: variants, [1, 3, 5])
    func `convolutions equal the interpreter for every stride and padding`(
        options: EngineOptions, kernel: Int
    ) throws {
        var random = SplitMix(UInt64(kernel))
        for stride in [[1, 1], [2, 2], [1, 2], [3, 1]] {
            for padding in 0...2 {
                // Copies of planes from 192 places on begin at whole lines of the cache.
                for (height, width) in [(7, 6), (9, 13), (1, 40), (8, 8), (14, 15), (24, 24)] {
                    guard height + 2 * padding >= kernel else { continue }
                    let isSigned = (height + padding) % 2 == 0
                    let window = PackedWindow(
                        kernel: [kernel, kernel], stride: stride, padding: [padding, padding])
                    let layer = randomLayer(
                        shape: [3, 2, kernel, kernel],
                        recipe: LayerRecipe(isPerChannel: isSigned, relu: padding == 1),
                        output: PackedQuantizer(bits: 4, isSigned: true, scale: 0.5, offset: 0.1),
                        using: &random)
                    let outputs =
                        3 * ((height + 2 * padding - kernel) / stride[0] + 1)
                        * ((width + 2 * padding - kernel) / stride[1] + 1)
                    let model = chain(
                        [2, height, width], quantizer(bits: 5, isSigned: isSigned, offset: 0.02),
                        [.convolution(layer, window), .flatten, showing(outputs).operation])
                    for count in [1, 18] {
                        try expectEqual(
                            model, options, count: count, seed: 5,
                            "\(height)x\(width), \(window)")
                    }
                }
            }
        }
    }

    @Test(arguments: variants)
    func `pooling equals the interpreter on odd sizes`(options: EngineOptions) throws {
        for kernel in [[1, 1], [2, 2], [3, 3], [2, 3]] {
            for stride in [[1, 1], [2, 2], [3, 2]] {
                for (height, width) in [(3, 3), (5, 7), (6, 4), (9, 8)] {
                    let window = PackedWindow(kernel: kernel, stride: stride)
                    let outputs =
                        2 * ((height - kernel[0]) / stride[0] + 1)
                        * ((width - kernel[1]) / stride[1] + 1)
                    let model = chain(
                        [2, height, width], quantizer(bits: 8, isSigned: true),
                        [.maxPooling(window), showing(outputs).operation])
                    for count in [1, 20] {
                        try expectEqual(model, options, count: count, seed: 2, "\(window)")
                    }
                }
            }
        }
    }

    @Test(arguments: variants)
    func `a network with several bands and groups of outputs equals the interpreter`(
        options: EngineOptions
    ) throws {
        var random = SplitMix(11)
        let convolution = randomLayer(
            shape: [20, 3, 3, 3], recipe: LayerRecipe(density: 0.4, relu: true),
            output: PackedQuantizer(bits: 3, isSigned: false, scale: 0.2, offset: 0),
            using: &random)
        let real = randomLayer(
            shape: [5, 20, 3, 3], recipe: LayerRecipe(), output: nil, using: &random)
        let window = PackedWindow(kernel: [3, 3], stride: [1, 1], padding: [1, 1])
        let model = chain(
            [3, 45, 50], quantizer(bits: 8, isSigned: false),
            [
                .convolution(convolution, window),
                .maxPooling(PackedWindow(kernel: [2, 2], stride: [2, 2])),
                .convolution(
                    real, PackedWindow(kernel: [3, 3], stride: [2, 2], padding: [1, 1])),
            ])
        for count in [1, 16] { try expectEqual(model, options, count: count, seed: 4, "bands") }
    }

    /// 8-bit activations whose planes exceed the first cache, so that sums wait between blocks of channels.
    @Test(arguments: variants, [1, 2])
    func `a wide layer of 8-bit activations in blocks of channels equals the interpreter`(
        options: EngineOptions, groups: Int
    ) throws {
        var random = SplitMix(17)
        let window = PackedWindow(
            kernel: [3, 3], stride: [1, 1], padding: [1, 1], groups: groups)
        func layer(_ shape: [Int], density: Double) -> PackedLayer {
            randomLayer(
                shape: shape, recipe: LayerRecipe(density: density, relu: true),
                output: quantizer(bits: 8, isSigned: false), using: &random)
        }
        let point = PackedWindow(kernel: [1, 1], stride: [1, 1])
        let last = randomLayer(
            shape: [3, 22, 1, 1], recipe: LayerRecipe(), output: nil, using: &random)
        let model = chain(
            [2, 20, 21], quantizer(bits: 8, isSigned: false),
            [
                .convolution(layer([320, 2, 1, 1], density: 1), point),
                .convolution(layer([22, 320 / groups, 3, 3], density: 0.2), window),
                .convolution(last, point),
            ])
        for threads in [1, 2] {
            var options = options
            options.threads = threads
            options.leastSharedWork = 0
            try expectEqual(model, options, count: 2, seed: 5, "blocks")
        }
    }

    @Test func `a value that two nodes read stays until the second has read it`() throws {
        var random = SplitMix(12)
        let small = PackedQuantizer(bits: 4, isSigned: false, scale: 0.3, offset: 0)
        func layer(_ shape: [Int], _ output: PackedQuantizer?) -> PackedOperation {
            .linear(
                randomLayer(
                    shape: shape, recipe: LayerRecipe(density: 0.5), output: output,
                    using: &random))
        }
        var model = chain(
            [30], quantizer(bits: 4, isSigned: false),
            [
                layer([40, 30], small), layer([50, 40], small), layer([60, 40], small),
                layer([9, 40], nil),
            ])
        model.nodes[2].inputs = [1]
        model.nodes[3].inputs = [1]
        for options in variants {
            for count in [1, 40] { try expectEqual(model, options, count: count, seed: 1, "fan") }
        }
    }

    @Test func `logits depend neither on batch size nor on threads`() throws {
        var random = SplitMix(13)
        let hidden = PackedQuantizer(bits: 4, isSigned: false, scale: 0.5, offset: 0)
        let model = chain(
            [1, 12, 12], quantizer(bits: 8, isSigned: false),
            [
                .convolution(
                    randomLayer(
                        shape: [4, 1, 3, 3], recipe: LayerRecipe(relu: true), output: hidden,
                        using: &random), PackedWindow(kernel: [3, 3], stride: [1, 1])),
                .flatten,
                .linear(
                    randomLayer(
                        shape: [10, 400], recipe: LayerRecipe(), output: nil, using: &random)),
            ])
        let most = 700
        let pixels = random.pixels(most * 144)
        let one = try Engine(model)
        let single = (0..<most).flatMap {
            one.logits(pixels: Array(pixels[$0 * 144..<($0 + 1) * 144]))
        }
        for threads in [1, 2, 3] {
            let engine = try Engine(model, options: EngineOptions(threads: threads))
            for count in [0, 1, 2, 15, 16, 17, 63, 64, 65, 79, 80, 81, 128, 700] {
                let logits = engine.logits(pixels: Array(pixels[..<(count * 144)]))
                #expect(logits == Array(single[..<(count * 10)]), "\(threads) threads, \(count)")
            }
        }
    }

    /// Whole inputs alone, and no work for a second thread: then a sample runs without a program.
    @Test func `a sample runs as a vector where every layer reads its whole input`() throws {
        var random = SplitMix(17)
        let hidden = PackedQuantizer(bits: 4, isSigned: false, scale: 0.5, offset: 0)
        let first = PackedOperation.linear(
            randomLayer(shape: [40, 64], recipe: LayerRecipe(), output: hidden, using: &random))
        let last = PackedOperation.linear(
            randomLayer(shape: [9, 40], recipe: LayerRecipe(), output: nil, using: &random))
        let input = quantizer(bits: 8, isSigned: false)
        let layers = chain([1, 8, 8], input, [.flatten, first, last])
        var options = EngineOptions(threads: 2)
        #expect(try #require(try Engine(layers).vectorRun).roundsInFloats)
        #expect(try Engine(layers, options: options).vectorRun != nil)
        try expectEqual(layers, options, count: 1, seed: 1, "two threads")
        options.leastSharedWork = 0
        #expect(try Engine(layers, options: options).vectorRun == nil)
        options = EngineOptions()
        options.leastInBlock = 1
        #expect(try Engine(layers, options: options).vectorRun == nil)
        let softmax = chain([1, 8, 8], input, [.flatten, first, last, .softmax])
        #expect(try Engine(softmax).vectorRun == nil)
    }

    /// With a border in front of the last layers, without one, and with softmax behind them.
    @Test(arguments: variants)
    func `the last layers of a batch run as a block, those before sample by sample`(
        options: EngineOptions
    ) throws {
        var random = SplitMix(18)
        let hidden = PackedQuantizer(bits: 4, isSigned: false, scale: 0.5, offset: 0)
        func layer(_ shape: [Int], _ output: PackedQuantizer?) -> PackedLayer {
            randomLayer(
                shape: shape, recipe: LayerRecipe(relu: output != nil), output: output,
                using: &random)
        }
        func convolution(_ shape: [Int]) -> PackedOperation {
            .convolution(
                layer(shape, hidden),
                PackedWindow(kernel: [3, 3], stride: [1, 1], padding: [1, 1]))
        }
        let whole = PackedWindow(kernel: [8, 8], stride: [1, 1])
        let tails: [[PackedOperation]] = [
            [.flatten, .linear(layer([40, 12 * 64], hidden)), .linear(layer([9, 40], nil))],
            [
                .convolution(layer([21, 12, 8, 8], hidden), whole), .flatten,
                .function(.hardSwish, output: hidden), .linear(layer([9, 21], nil)), .softmax,
            ],
            [.averagePooling(whole, output: hidden), .flatten, .linear(layer([9, 12], nil))],
        ]
        for (number, tail) in tails.enumerated() {
            let model = chain(
                [3, 8, 8], quantizer(bits: 8, isSigned: false),
                [convolution([12, 3, 3, 3]), convolution([12, 12, 3, 3])] + tail)
            for threads in [1, 2] {
                var options = options
                options.threads = threads
                (options.mostWholeBytes, options.leastInBlock) = (0, 3)
                let plan = try Engine(model, options: options).plan
                #expect(plan.blockSize == 64 && plan.leastInBlock == 3)
                #expect(plan.layers[1].blockKernel == nil)
                #expect(plan.layers.last?.blockKernel != nil)
                for count in [1, 2, 3, 5, 64, 65, 67, 131] {
                    try expectEqual(
                        model, options, count: count, seed: UInt64(count),
                        "tail \(number), \(options.isa), \(threads) threads")
                }
            }
        }
    }

    @Test func `a network of nothing but whole inputs has no last layers apart`() throws {
        var random = SplitMix(19)
        let hidden = PackedQuantizer(bits: 4, isSigned: false, scale: 0.5, offset: 0)
        let first = PackedOperation.linear(
            randomLayer(shape: [40, 64], recipe: LayerRecipe(), output: hidden, using: &random))
        let last = PackedOperation.linear(
            randomLayer(shape: [9, 40], recipe: LayerRecipe(), output: nil, using: &random))
        var options = EngineOptions()
        (options.mostWholeBytes, options.leastInBlock) = (0, 3)
        let model = chain(
            [1, 8, 8], quantizer(bits: 8, isSigned: false), [.flatten, first, last])
        #expect(try Engine(model, options: options).plan.blockSize == 1)
        try expectEqual(model, options, count: 67, seed: 2, "no block")
    }

    @Test(arguments: variants)
    func `threads that share layers change nothing`(options: EngineOptions) throws {
        var random = SplitMix(16)
        let hidden = PackedQuantizer(bits: 5, isSigned: false, scale: 0.5, offset: 0)
        func convolution(_ shape: [Int], groups: Int = 1, stride: Int = 1) -> PackedOperation {
            let layer = randomLayer(
                shape: shape, recipe: LayerRecipe(relu: true), output: hidden, using: &random)
            let window = PackedWindow(
                kernel: [3, 3], stride: [stride, stride], padding: [1, 1], groups: groups)
            return .convolution(layer, window)
        }
        let pooling = PackedWindow(kernel: [2, 2], stride: [2, 2])
        // The first layer has 10 tiles a sample, which two threads share; more share its outputs.
        let model = chain(
            [3, 24, 24], quantizer(bits: 8, isSigned: false),
            [
                convolution([37, 3, 3, 3]), convolution([37, 1, 3, 3], groups: 37),
                .maxPooling(pooling), convolution([24, 37, 3, 3], stride: 2),
                .add(.relu, output: hidden), .flatten,
                .linear(
                    randomLayer(
                        shape: [70, 24 * 36], recipe: LayerRecipe(), output: hidden,
                        using: &random)),
                .linear(
                    randomLayer(
                        shape: [33, 70], recipe: LayerRecipe(), output: nil, using: &random)
                ),
            ])
        var sum = model
        sum.nodes[4].inputs = [4, 4]
        for threads in [2, 3, 5] {
            var options = options
            options.threads = threads
            options.leastSharedWork = 0
            // Blocks of 64 share layers where there are fewer of them than threads.
            for count in [1, 2, 64, 70] {
                try expectEqual(sum, options, count: count, seed: 5, "\(threads) threads")
            }
        }
    }

    @Test func `one engine runs on several threads at a time`() async throws {
        var random = SplitMix(14)
        let layer = randomLayer(
            shape: [33, 300], recipe: LayerRecipe(), output: nil, using: &random)
        let model = chain([300], quantizer(bits: 8, isSigned: false), [.linear(layer)])
        let engine = try Engine(model, options: EngineOptions(threads: 2))
        let pixels = random.pixels(100 * 300)
        let expected = engine.logits(pixels: pixels)
        await withTaskGroup { group in
            for _ in 0..<16 { group.addTask { engine.logits(pixels: pixels) } }
            for await logits in group { #expect(logits == expected) }
        }
    }

    @Test func `raw samples give the logits of the same pixels, and what is no number is zero`()
        throws
    {
        var random = SplitMix(15)
        let layer = randomLayer(shape: [5, 48], recipe: LayerRecipe(), output: nil, using: &random)
        let model = chain([3, 4, 4], quantizer(bits: 7, isSigned: true), [.linear(layer)])
        let engine = try Engine(model)
        let reference = try ReferenceInterpreter(model)
        for count in [1, 20] {
            let pixels = random.pixels(count * 48)
            let samples = pixels.map { Float($0) }
            #expect(engine.logits(samples: samples) == engine.logits(pixels: pixels))
            #expect(engine.predict(samples: samples) == engine.predict(pixels: pixels))
        }
        var samples = [Float](repeating: 3, count: 48)
        samples[5] = .nan
        samples[6] = .infinity
        samples[7] = -.infinity
        #expect(engine.logits(samples: samples) == reference.trace(samples: samples).logits)
    }

    @Test(arguments: variants, [1, 3, 48])
    func `raw samples that are no pixels have the codes of the reference`(
        options: EngineOptions, parts: Int
    ) throws {
        var random = SplitMix(16)
        for isSigned in [false, true] {
            let layer = randomLayer(
                shape: [5, 48], recipe: LayerRecipe(), output: nil, using: &random)
            // Powers of two, so that samples are ties between codes.
            let codes = PackedQuantizer(bits: 5, isSigned: isSigned, scale: 0.25, offset: 0.5)
            var model = chain(
                parts == 3 ? [3, 4, 4] : [48], codes, [.linear(layer)], pixelScale: 1)
            model.input.mean = (0..<parts).map { Float($0) / 16 - 0.5 }
            model.input.deviation = (0..<parts).map { $0 % 3 == 2 ? 0.7 : 0.5 }
            let engine = try Engine(model, options: options)
            let reference = try ReferenceInterpreter(model)
            for count in [1, 70] {
                let special: [Float] = [.nan, .infinity, -.infinity, 1e30, -1e30, -0.0]
                let samples = (0..<count).map { _ in
                    (0..<48).map {
                        $0 < special.count
                            ? special[$0] : Float(Int.random(in: -99...99, using: &random)) / 32
                    }
                }
                #expect(
                    engine.logits(samples: samples.flatMap { $0 })
                        == samples.flatMap { reference.trace(samples: $0).logits })
            }
        }
    }

    @Test func `the class is the first of the largest logits`() throws {
        let layer = PackedLayer(
            weights: packedTensor(shape: [4, 1], weights: [1, 3, 3, 2], scales: [1]),
            bias: PackedBias(bits: 2, scale: 1, codes: [0, 0, 0, 0]), activation: .identity,
            output: nil)
        let model = chain([1], quantizer(bits: 8, isSigned: false), [.linear(layer)])
        #expect(try Engine(model).predict(pixels: [255]) == [1])
        #expect(try Engine(model).predict(pixels: []) == [])
    }
}
