import Inference
import PackedModel
import Testing

/// Runs `model` in every way and compares all logits with the interpreter's, bit for bit.
func expectEqualInAllBatches(
    _ model: PackedModel, seed: UInt64, _ what: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    var random = SplitMix(seed)
    let most = 130
    let reference = try ReferenceInterpreter(model)
    let inputs = model.input.shape.reduce(1, *)
    let pixels = random.pixels(most * inputs)
    let expected = (0..<most).map {
        reference.logits(pixels: Array(pixels[$0 * inputs..<($0 + 1) * inputs]))
    }
    for options in variants {
        for threads in 1...3 {
            var options = options
            options.threads = threads
            let engine = try Engine(model, options: options)
            for count in threads == 1 ? [1, 3, 64, 65, 130] : [65, 130] {
                let found = engine.logits(pixels: Array(pixels[..<(count * inputs)]))
                let wanted = expected[..<count].flatMap { $0 }
                #expect(
                    found.map(\.bitPattern) == wanted.map(\.bitPattern),
                    "seed \(seed), \(what), batch \(count), \(options)",
                    sourceLocation: sourceLocation)
            }
        }
    }
}

/// Each operation and the blocks that networks are made of, with random weights and quantizers.
@Suite struct GraphTests {
    static let seeds: Range<UInt64> = 0..<2

    /// A convolution with random weights, through `activation`, on a random grid.
    private func convolution(
        _ outputs: Int, _ channels: Int, _ kernel: [Int], stride: [Int] = [1, 1],
        padding: [Int] = [0, 0], dilation: [Int] = [1, 1], groups: Int = 1,
        _ activation: PackedActivation = .identity, isReal: Bool = false,
        bits: ClosedRange<Int> = 3...8, using random: inout SplitMix
    ) -> PackedOperation {
        let recipe = LayerRecipe(
            density: 0.5, isPerChannel: Bool.random(using: &random))
        var layer = randomLayer(
            shape: [outputs, channels / groups] + kernel, recipe: recipe,
            output: isReal ? nil : randomGrid(bits: bits, using: &random), using: &random)
        layer.activation = activation
        return .convolution(
            layer,
            PackedWindow(
                kernel: kernel, stride: stride, padding: padding, dilation: dilation,
                groups: groups))
    }

    private func linear(
        _ outputs: Int, _ inputs: Int, isReal: Bool = true, using random: inout SplitMix
    ) -> PackedOperation {
        .linear(
            randomLayer(
                shape: [outputs, inputs], recipe: LayerRecipe(),
                output: isReal ? nil : randomGrid(using: &random), using: &random))
    }

    /// How many places a window yields on an image of `size`.
    private func places(of window: PackedWindow, _ size: [Int]) -> Int {
        var count = 1
        for axis in 0..<2 {
            let extent: Int = window.dilation[axis] * (window.kernel[axis] - 1) + 1
            let free: Int = size[axis] + 2 * window.padding[axis] - extent
            count *= free / window.stride[axis] + 1
        }
        return count
    }

    @Test(arguments: [1, 2, 4], seeds)
    func `grouped, dilated, strided and padded convolutions`(groups: Int, seed: UInt64) throws {
        var random = SplitMix(seed)
        for (kernel, stride, padding, dilation) in [
            ([3, 3], [1, 1], [1, 1], [1, 1]), ([3, 3], [2, 2], [1, 1], [1, 1]),
            ([3, 2], [1, 1], [2, 0], [2, 3]), ([2, 3], [2, 1], [1, 2], [3, 1]),
            ([1, 1], [2, 2], [0, 0], [1, 1]),
        ] {
            var graph = GraphBuilder()
            let layer = convolution(
                8, 4, kernel, stride: stride, padding: padding, dilation: dilation,
                groups: groups, .clip(lowest: -0.3, highest: 0.5), using: &random)
            let value = graph.add(layer, 0)
            let window = PackedWindow(
                kernel: kernel, stride: stride, padding: padding, dilation: dilation)
            let outputs = 8 * places(of: window, [6, 7])
            _ = graph.add(.flatten, value)
            try expectEqualInAllBatches(
                graph.model(
                    [4, 6, 7], randomGrid(using: &random), showing: outputs),
                seed: seed, "kernel \(kernel), stride \(stride), dilation \(dilation)")
        }
    }

    @Test(arguments: seeds)
    func `depthwise convolutions, one and two outputs a channel`(seed: UInt64) throws {
        var random = SplitMix(seed)
        var graph = GraphBuilder()
        let first = graph.add(
            convolution(5, 5, [3, 3], padding: [1, 1], groups: 5, using: &random), 0)
        _ = graph.add(
            convolution(
                10, 5, [3, 3], stride: [2, 2], padding: [1, 1], groups: 5, .relu, using: &random),
            first)
        try expectEqualInAllBatches(
            graph.model([5, 6, 5], randomGrid(using: &random), showing: 90), seed: seed)
    }

    @Test(arguments: seeds)
    func `depthwise convolutions of images that are smaller than the kernel`(seed: UInt64) throws {
        var random = SplitMix(seed)
        for size in [[1, 1], [1, 2], [2, 2], [2, 3], [3, 1]] {
            for kernel in [3, 5] {
                var graph = GraphBuilder()
                let layer = convolution(
                    5, 5, [kernel, kernel], padding: [kernel / 2, kernel / 2], groups: 5,
                    using: &random)
                _ = graph.add(.flatten, graph.add(layer, 0))
                try expectEqualInAllBatches(
                    graph.model(
                        [5] + size, randomGrid(using: &random), showing: 5 * size[0] * size[1]),
                    seed: seed, "size \(size), kernel \(kernel)")
            }
        }
    }

    /// Planes around the tiles of 64 places and the quarters of 16 that kernels compute together, of
    /// which threads take parts.
    @Test(arguments: variants, [1, 2])
    func `depthwise convolutions of all widths`(options: EngineOptions, stride: Int) throws {
        var random = SplitMix(UInt64(stride))
        for width in Array(1...36) + [63, 64, 65, 112, 130] {
            let kernel = [
                Int.random(in: 1...4, using: &random), [3, 3, 2, 4, 5, 6, 7, 8][width % 8],
            ]
            let padding = kernel.map { Int.random(in: 0...$0 - 1, using: &random) }
            let size = [max(Int.random(in: 1...20, using: &random), kernel[0]), width]
            guard width + 2 * padding[1] >= kernel[1] else { continue }
            var graph = GraphBuilder()
            let layer = convolution(
                5, 5, kernel, stride: [stride, stride], padding: padding, groups: 5, using: &random)
            let window = PackedWindow(
                kernel: kernel, stride: [stride, stride], padding: padding)
            let places = 5 * places(of: window, size)
            _ = graph.add(.flatten, graph.add(layer, 0))
            _ = graph.add(linear(19, places, using: &random), 2)
            let model = graph.model([5] + size, randomGrid(using: &random))
            if width > 4 {
                let isCopied = stride == 1 && 2 * padding[1] != kernel[1] - 1
                let hasKernel =
                    options.isa == .avx2
                    || [.avx512, .avx512vnni].contains(options.isa) && kernel[1] <= 4
                let kernel = try Engine(model, options: options).plan.layers[0].kernel
                #expect(
                    kernel.contains("direct")
                        == (hasKernel && options.kernels == .dense && !isCopied))
            }
            for threads in [1, 2] {
                var options = options
                options.threads = threads
                options.leastSharedWork = 0
                try expectEqual(
                    model, options, count: 2, seed: 3,
                    "kernel \(kernel), padding \(padding), size \(size), \(threads) threads")
            }
        }
    }

    @Test func `a grouped layer at the network's end`() throws {
        var random = SplitMix(5)
        var graph = GraphBuilder()
        let last = graph.add(
            convolution(
                6, 4, [2, 2], groups: 2, .clip(lowest: -0.1, highest: 0.2), isReal: true,
                using: &random), 0)
        let flat = graph.add(.flatten, last)
        _ = graph.add(.reshape([4, 2, 3]), flat)
        try expectEqualInAllBatches(
            graph.model([4, 3, 3], randomGrid(using: &random)), seed: 5)
    }

    @Test(arguments: seeds)
    func `a convolution of a single place`(seed: UInt64) throws {
        var random = SplitMix(seed)
        var graph = GraphBuilder()
        let whole = graph.add(convolution(20, 3, [4, 5], .relu, using: &random), 0)
        let point = graph.add(convolution(17, 20, [1, 1], using: &random), whole)
        _ = graph.add(
            convolution(3, 17, [1, 1], stride: [2, 2], isReal: true, using: &random), point)
        let model = graph.model([3, 4, 5], randomGrid(using: &random))
        try expectEqualInAllBatches(model, seed: seed)
        // One sample needs no planes for them.
        for layer in try Engine(model, options: EngineOptions(isa: .scalar)).plan.layers {
            #expect(layer.kernel.contains("mv__"))
        }
    }

    @Test(arguments: seeds)
    func `padded maximum and average pooling`(seed: UInt64) throws {
        var random = SplitMix(seed)
        for (kernel, stride, padding) in [
            ([3, 3], [2, 2], [1, 1]), ([2, 3], [1, 2], [1, 2]), ([5, 4], [3, 1], [2, 3]),
            ([7, 6], [1, 1], [0, 0]), ([1, 1], [2, 1], [0, 0]),
        ] {
            let window = PackedWindow(kernel: kernel, stride: stride, padding: padding)
            let count = 3 * places(of: window, [7, 6])
            for operation in [
                PackedOperation.maxPooling(window),
                .averagePooling(window, output: randomGrid(using: &random)),
            ] {
                var graph = GraphBuilder()
                _ = graph.add(operation, 0)
                try expectEqualInAllBatches(
                    graph.model([3, 7, 6], randomGrid(using: &random), showing: count),
                    seed: seed, "\(window)")
            }
        }
    }

    @Test(arguments: [2, 3, 7], seeds)
    func `sums of several grids`(terms: Int, seed: UInt64) throws {
        var random = SplitMix(seed)
        for activation in [
            PackedActivation.identity, .relu, .clip(lowest: -0.25, highest: 0.75),
        ] {
            var graph = GraphBuilder()
            var inputs = [0]
            for _ in 1..<terms {
                inputs.append(
                    graph.add(.function(.identity, output: randomGrid(using: &random)), 0))
            }
            _ = graph.add(.add(activation, output: randomGrid(using: &random)), inputs)
            try expectEqualInAllBatches(
                graph.model([2, 5, 7], randomGrid(using: &random), showing: 70), seed: seed)
        }
    }

    @Test(arguments: seeds)
    func `products of values, of a value with itself, and of one value a channel`(
        seed: UInt64
    ) throws {
        var random = SplitMix(seed)
        for shape in [[3, 5, 4], [3, 1, 1], [60]] {
            var graph = GraphBuilder()
            var second = graph.add(.function(.sigmoid, output: randomGrid(using: &random)), 0)
            if shape.count == 3 {
                let size = Array(shape[1...])
                second = graph.add(
                    .averagePooling(
                        PackedWindow(kernel: size, stride: [1, 1]),
                        output: randomGrid(using: &random)), second)
            }
            let product = graph.add(.multiply(output: randomGrid(using: &random)), 0, second)
            _ = graph.add(.multiply(output: randomGrid(using: &random)), product, product)
            try expectEqualInAllBatches(
                graph.model(shape, randomGrid(using: &random), showing: shape.reduce(1, *)),
                seed: seed, "\(shape)")
        }
    }

    @Test(arguments: seeds)
    func `concatenation of images and of vectors`(seed: UInt64) throws {
        var random = SplitMix(seed)
        for shape in [[2, 3, 5], [30]] {
            let grid = randomGrid(using: &random)
            var graph = GraphBuilder()
            let part = graph.add(.slice(1..<2), 0)
            let other = graph.add(.function(.silu, output: randomGrid(using: &random)), 0)
            // The first input has the grid of the result already.
            _ = graph.add(.concatenation(output: grid), 0, part, other, 0)
            let count = shape.count == 3 ? 3 * 30 + 15 : 3 * 30 + 1
            try expectEqualInAllBatches(
                graph.model(shape, grid, showing: count), seed: seed, "\(shape)")
        }
    }

    @Test(arguments: seeds)
    func `operations that only move codes`(seed: UInt64) throws {
        var random = SplitMix(seed)
        var graph = GraphBuilder()
        let shuffled = graph.add(.channelShuffle(groups: 3), 0)
        let part = graph.add(.slice(2..<5), shuffled)
        let border = graph.add(.padding([1, 0, 2, 3]), part)
        let pooled = graph.add(
            .maxPooling(PackedWindow(kernel: [2, 2], stride: [1, 2], padding: [1, 0])), border)
        let shape = graph.add(.reshape([21, 3, 1]), pooled)
        let flat = graph.add(.flatten, graph.add(.slice(1..<21), shape))
        let mixed = graph.add(.channelShuffle(groups: 4), flat)
        _ = graph.add(.reshape([5, 4, 3]), mixed)
        try expectEqualInAllBatches(
            graph.model([6, 3, 3], randomGrid(using: &random), showing: 60), seed: seed)
    }

    @Test(arguments: seeds)
    func `slices are read by every kind of operation`(seed: UInt64) throws {
        var random = SplitMix(seed)
        var graph = GraphBuilder()
        let (a, b) = (graph.add(.slice(1..<4), 0), graph.add(.slice(2..<5), 0))
        let convolved = graph.add(convolution(3, 3, [3, 3], padding: [1, 1], using: &random), a)
        let plain = graph.add(convolution(3, 3, [1, 1], using: &random), b)
        let sum = graph.add(
            .add(.identity, output: randomGrid(using: &random)), [a, b, convolved, plain])
        let product = graph.add(.multiply(output: randomGrid(using: &random)), a, sum)
        let mean = graph.add(
            .averagePooling(
                PackedWindow(kernel: [2, 2], stride: [1, 1], padding: [1, 0]),
                output: randomGrid(using: &random)), graph.add(.slice(1..<3), product))
        let vector = graph.add(linear(9, 3 * 20, isReal: false, using: &random), b)
        let flat = graph.add(.flatten, mean)
        let all = graph.add(.concatenation(output: randomGrid(using: &random)), vector, flat)
        _ = graph.add(linear(5, 9 + 2 * 6 * 3, using: &random), all)
        try expectEqualInAllBatches(
            graph.model([6, 5, 4], randomGrid(using: &random)), seed: seed)
    }

    static let functions: [PackedActivation] = [
        .identity, .relu, .clip(lowest: -0.2, highest: 0.6), .leakyReLU(slope: 0.1), .sigmoid,
        .hardSigmoid, .silu, .hardSwish,
    ]

    @Test(arguments: functions)
    func `functions by table`(function: PackedActivation) throws {
        var random = SplitMix(9)
        for _ in 0..<3 {
            var graph = GraphBuilder()
            _ = graph.add(.function(function, output: randomGrid(using: &random)), 0)
            try expectEqualInAllBatches(
                graph.model([70], randomGrid(using: &random), showing: 70), seed: 9)
        }
    }

    @Test(arguments: seeds)
    func `a softmax at the end`(seed: UInt64) throws {
        var random = SplitMix(seed)
        var graph = GraphBuilder()
        let logits = graph.add(linear(11, 40, using: &random), 0)
        let image = graph.add(.reshape([11, 1, 1]), logits)
        _ = graph.add(.softmax, image)
        let model = graph.model([40], randomGrid(using: &random))
        try expectEqualInAllBatches(model, seed: seed)
        let sum = try Engine(model).logits(pixels: random.pixels(40)).reduce(0, +)
        #expect(abs(sum - 1) < 1e-6)
    }

    // MARK: Blocks

    @Test(arguments: seeds)
    func `a residual block with a strided projection`(seed: UInt64) throws {
        var random = SplitMix(seed)
        var graph = GraphBuilder()
        let stem = graph.add(convolution(6, 3, [3, 3], padding: [1, 1], .relu, using: &random), 0)
        let first = graph.add(
            convolution(8, 6, [3, 3], stride: [2, 2], padding: [1, 1], .relu, using: &random), stem)
        let second = graph.add(
            convolution(8, 8, [3, 3], padding: [1, 1], using: &random), first)
        let projection = graph.add(
            convolution(8, 6, [1, 1], stride: [2, 2], using: &random), stem)
        let sum = graph.add(
            .add(.relu, output: randomGrid(using: &random)), second, projection)
        let third = graph.add(
            convolution(8, 8, [3, 3], padding: [1, 1], .relu, using: &random), sum)
        let again = graph.add(.add(.relu, output: randomGrid(using: &random)), sum, third)
        let mean = graph.add(
            .averagePooling(
                PackedWindow(kernel: [4, 4], stride: [1, 1]), output: randomGrid(using: &random)),
            again)
        _ = graph.add(linear(10, 8, using: &random), graph.add(.flatten, mean))
        try expectEqualInAllBatches(
            graph.model([3, 8, 7], randomGrid(using: &random)), seed: seed)
    }

    /// Layers add to their own bytes: dense, grouped and depthwise ones, as first or second input, and
    /// with results that somebody else reads, too.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func `sums of few bits behind layers`(seed: UInt64) throws {
        var random = SplitMix(seed)
        var graph = GraphBuilder()
        let grid = randomGrid(bits: 2...5, using: &random)
        var value = graph.add(.function(.identity, output: grid), 0)
        for (groups, kernel, stride) in [(1, 1, 1), (1, 3, 1), (2, 3, 1), (6, 3, 1), (6, 5, 1)] {
            let layer = graph.add(
                convolution(
                    6, 6, [kernel, kernel], stride: [stride, stride],
                    padding: [kernel / 2, kernel / 2], groups: groups, bits: 2...6, using: &random),
                value)
            let sum = PackedOperation.add(
                Bool.random(using: &random) ? .relu : .identity,
                output: randomGrid(bits: 2...6, using: &random))
            let isFirst = Bool.random(using: &random)
            value = graph.add(sum, isFirst ? layer : value, isFirst ? value : layer)
            if groups == 2 { value = graph.add(sum, layer, value) }
        }
        _ = graph.add(linear(11, 6 * 9 * 13, using: &random), graph.add(.flatten, value))
        let model = graph.model([6, 9, 13], randomGrid(using: &random))
        try expectEqualInAllBatches(model, seed: seed)
        // The flattening takes no time, nor do additions that layers do on the way: four of six.
        let idle = try Engine(model).profile(count: 1, turns: 1).filter { $0.nanoseconds == 0 }
        #expect(idle.count == 5)
    }

    @Test(arguments: seeds)
    func `an inverted residual with squeeze and excitation`(seed: UInt64) throws {
        var random = SplitMix(seed)
        let relu6 = PackedActivation.clip(lowest: 0, highest: 0.6)
        var graph = GraphBuilder()
        let wide = graph.add(convolution(12, 4, [1, 1], relu6, using: &random), 0)
        let depthwise = graph.add(
            convolution(12, 12, [3, 3], padding: [1, 1], groups: 12, relu6, using: &random), wide)
        let squeezed = graph.add(
            .averagePooling(
                PackedWindow(kernel: [5, 5], stride: [1, 1]), output: randomGrid(using: &random)),
            depthwise)
        let small = graph.add(convolution(3, 12, [1, 1], .relu, using: &random), squeezed)
        let excited = graph.add(convolution(12, 3, [1, 1], using: &random), small)
        let gate = graph.add(
            .function(.hardSigmoid, output: randomGrid(using: &random)), excited)
        let scaled = graph.add(.multiply(output: randomGrid(using: &random)), depthwise, gate)
        let swish = graph.add(.function(.hardSwish, output: randomGrid(using: &random)), scaled)
        let narrow = graph.add(convolution(4, 12, [1, 1], using: &random), swish)
        let sum = graph.add(.add(.identity, output: randomGrid(using: &random)), 0, narrow)
        _ = graph.add(linear(7, 100, using: &random), sum)
        try expectEqualInAllBatches(
            graph.model([4, 5, 5], randomGrid(using: &random)), seed: seed)
    }

    @Test(arguments: seeds)
    func `a shuffle unit`(seed: UInt64) throws {
        var random = SplitMix(seed)
        var graph = GraphBuilder()
        let (left, right) = (graph.add(.slice(0..<4), 0), graph.add(.slice(4..<8), 0))
        let first = graph.add(convolution(4, 4, [1, 1], .relu, using: &random), right)
        let second = graph.add(
            convolution(4, 4, [3, 3], padding: [1, 1], groups: 4, using: &random), first)
        let third = graph.add(convolution(4, 4, [1, 1], .relu, using: &random), second)
        let both = graph.add(.concatenation(output: randomGrid(using: &random)), left, third)
        let mixed = graph.add(.channelShuffle(groups: 2), both)
        let pooled = graph.add(
            .maxPooling(PackedWindow(kernel: [3, 3], stride: [2, 2], padding: [1, 1])), mixed)
        _ = graph.add(linear(6, 8 * 3 * 3, using: &random), pooled)
        try expectEqualInAllBatches(
            graph.model([8, 5, 6], randomGrid(using: &random)), seed: seed)
    }

    @Test(arguments: seeds)
    func `branches of several kernels, one behind the other`(seed: UInt64) throws {
        var random = SplitMix(seed)
        var graph = GraphBuilder()
        var value = 0
        var channels = 2
        for _ in 0..<2 {
            let one = graph.add(convolution(3, channels, [1, 1], .relu, using: &random), value)
            let three = graph.add(
                convolution(2, channels, [3, 3], padding: [1, 1], .relu, using: &random), value)
            let far = graph.add(
                convolution(
                    2, channels, [3, 3], padding: [2, 2], dilation: [2, 2], using: &random), value)
            let mean = graph.add(
                .averagePooling(
                    PackedWindow(kernel: [3, 3], stride: [1, 1], padding: [1, 1]),
                    output: randomGrid(using: &random)), value)
            value = graph.add(
                .concatenation(output: randomGrid(using: &random)), one, three, far, mean)
            channels += 7
        }
        _ = graph.add(linear(4, channels * 30, using: &random), value)
        try expectEqualInAllBatches(
            graph.model([2, 6, 5], randomGrid(using: &random)), seed: seed)
    }

    @Test func `several bands, runs of outputs and groups`() throws {
        var random = SplitMix(17)
        var graph = GraphBuilder()
        let first = graph.add(
            convolution(24, 4, [3, 3], padding: [1, 1], groups: 2, .relu, using: &random), 0)
        let pooled = graph.add(
            .maxPooling(PackedWindow(kernel: [3, 3], stride: [3, 3], padding: [1, 1])), first)
        _ = graph.add(
            convolution(
                24, 24, [3, 3], stride: [2, 2], padding: [1, 1], groups: 4, isReal: true,
                using: &random), pooled)
        let model = graph.model([4, 45, 50], randomGrid(using: &random))
        for options in variants {
            for count in [1, 17] { try expectEqual(model, options, count: count, seed: 4, "bands") }
        }
    }
}
