import Inference
import PackedModel
import Testing

/// Values that are kept with a border, and all that reads and writes them.
@Suite struct BorderTests {
    /// A graph that grows at random from blocks of the usual networks, all on one grid of few bits, so that
    /// layers can add.
    private struct RandomGraph {
        var graph = GraphBuilder()
        /// Values of images, with their shapes.
        private var values: [(number: Int, shape: [Int])]
        private let size: [Int]
        var random: SplitMix

        init(seed: UInt64) {
            random = SplitMix(seed)
            size = [
                4, Int.random(in: 1...17, using: &random), Int.random(in: 1...17, using: &random),
            ]
            let grid = randomGrid(bits: 2...5, using: &random)
            values = [(graph.add(.function(.identity, output: grid), 0), size)]
            for _ in 0..<10 { addBlock() }
        }

        private func output(_ window: PackedWindow, _ shape: [Int]) -> [Int] {
            (0..<2).map { axis in
                let extent = window.dilation[axis] * (window.kernel[axis] - 1) + 1
                let free = shape[axis + 1] + 2 * window.padding[axis] - extent
                return free < 0 ? 0 : free / window.stride[axis] + 1
            }
        }

        /// A convolution of a value, if the value is large enough.
        private mutating func convolve(
            _ from: (number: Int, shape: [Int]), outputs: Int, kernel: Int, stride: Int,
            dilation: Int, groups: Int
        ) -> (number: Int, shape: [Int])? {
            let isPadded = kernel == 1 || Int.random(in: 0...7, using: &random) > 0
            let padding = isPadded ? dilation * (kernel - 1) / 2 : 0
            let window = PackedWindow(
                kernel: [kernel, kernel], stride: [stride, stride], padding: [padding, padding],
                dilation: [dilation, dilation], groups: groups)
            let size = output(window, from.shape)
            guard size.allSatisfy({ $0 > 0 }) else { return nil }
            var layer = randomLayer(
                shape: [outputs, from.shape[0] / groups, kernel, kernel],
                recipe: LayerRecipe(density: 0.5, isPerChannel: Bool.random(using: &random)),
                output: randomGrid(bits: 2...6, using: &random), using: &random)
            layer.activation = .relu
            let number = graph.add(.convolution(layer, window), from.number)
            values.append((number, [outputs] + size))
            return values.last!
        }

        private mutating func addBlock() {
            let from = values.suffix(4).randomElement(using: &random)!
            let kernel = [1, 3, 3, 5].randomElement(using: &random)!
            switch Int.random(in: 0...8, using: &random) {
            case 0:
                let window = PackedWindow(kernel: [2, 2], stride: [1, 1], padding: [1, 1])
                let number = graph.add(.maxPooling(window), from.number)
                values.append((number, [from.shape[0]] + output(window, from.shape)))
            case 1:
                let part = graph.add(.slice(1..<3), from.number)
                let all = graph.add(
                    .concatenation(output: randomGrid(bits: 2...5, using: &random)), part,
                    from.number, part)
                values.append((all, [from.shape[0] + 4] + from.shape[1...]))
            case 2:
                _ = convolve(
                    from, outputs: 4, kernel: kernel, stride: 2, dilation: 1, groups: 1)
            case 3:
                _ = convolve(
                    from, outputs: from.shape[0], kernel: 3, stride: 1, dilation: 1,
                    groups: from.shape[0])
            case 4:
                let groups = [1, 2].randomElement(using: &random)!
                _ = convolve(
                    from, outputs: 6, kernel: kernel, stride: 1,
                    dilation: [1, 1, 2].randomElement(using: &random)!, groups: groups)
            default:
                // A residual block, of two layers or with pointwise ones around.
                let isWide = Bool.random(using: &random)
                let kernels = isWide ? [1, 3, 1] : [3, 3]
                var last: (number: Int, shape: [Int])? = from
                for (index, kernel) in kernels.enumerated() {
                    last = last.flatMap {
                        convolve(
                            $0, outputs: index + 1 < kernels.count ? 4 : from.shape[0],
                            kernel: kernel, stride: 1, dilation: 1, groups: 1)
                    }
                }
                guard let last, last.shape == from.shape else { return }
                values.removeLast()
                let sum = PackedOperation.add(
                    .relu, output: randomGrid(bits: 2...5, using: &random))
                let isFirst = Bool.random(using: &random)
                let number =
                    isFirst
                    ? graph.add(sum, last.number, from.number)
                    : graph.add(sum, from.number, last.number)
                values.append((number, last.shape))
            }
        }

        /// The graph with logits: of means of the last value, or of all its places.
        mutating func model() -> PackedModel {
            let (last, shape) = values.last!
            var flat = last
            var count = shape.reduce(1, *)
            if Bool.random(using: &random) {
                flat = graph.add(
                    .averagePooling(
                        PackedWindow(kernel: Array(shape[1...]), stride: [1, 1]),
                        output: randomGrid(using: &random)), last)
                count = shape[0]
            }
            _ = graph.add(
                .linear(
                    randomLayer(
                        shape: [7, count], recipe: LayerRecipe(), output: nil, using: &random)),
                graph.add(.flatten, flat))
            return graph.model(size, randomGrid(using: &random))
        }
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `random networks compute what they should`(seed: UInt64) throws {
        var graph = RandomGraph(seed: seed)
        let model = graph.model()
        for options in variants {
            for threads in [1, 3] {
                var options = options
                options.threads = threads
                options.leastSharedWork = 0
                try expectEqual(model, options, count: 3, seed: seed, "seed \(seed), \(options)")
                try expectEqual(model, options, count: 17, seed: seed, "seed \(seed), \(options)")
            }
        }
    }

    /// A layer of 3×3 with so many outputs, and the sum behind a block of two of them.
    private func layer(
        _ outputs: Int, _ channels: Int, kernel: Int = 3, stride: Int = 1,
        _ random: inout SplitMix
    ) -> PackedOperation {
        .convolution(
            randomLayer(
                shape: [outputs, channels, kernel, kernel], recipe: LayerRecipe(density: 0.5),
                output: randomGrid(bits: 4...4, using: &random), using: &random),
            PackedWindow(
                kernel: [kernel, kernel], stride: [stride, stride],
                padding: [kernel / 2, kernel / 2]))
    }

    /// Planes of many tiles, which threads cut between tiles.
    @Test(arguments: variants)
    func `threads share tiles of values with a border`(options: EngineOptions) throws {
        var random = SplitMix(11)
        var graph = GraphBuilder()
        let stem = graph.add(layer(6, 3, &random), 0)
        let window = PackedWindow(kernel: [3, 3], stride: [2, 2], padding: [1, 1])
        let pooled = graph.add(.maxPooling(window), stem)
        let first = graph.add(layer(6, 6, &random), pooled)
        let second = graph.add(layer(6, 6, &random), first)
        let sum = graph.add(
            .add(.relu, output: randomGrid(bits: 4...4, using: &random)), second, pooled)
        let wide = graph.add(layer(9, 6, kernel: 1, &random), sum)
        let third = graph.add(layer(9, 9, &random), wide)
        let mean = graph.add(
            .averagePooling(
                PackedWindow(kernel: [24, 21], stride: [1, 1]), output: randomGrid(using: &random)),
            third)
        _ = graph.add(
            .linear(
                randomLayer(shape: [5, 9], recipe: LayerRecipe(), output: nil, using: &random)),
            graph.add(.flatten, mean))
        let model = graph.model([3, 47, 41], randomGrid(bits: 4...4, using: &random))
        for threads in [1, 2, 3] {
            var options = options
            options.threads = threads
            options.leastSharedWork = 0
            try expectEqual(model, options, count: 2, seed: 5, "\(threads) threads")
        }
    }

    /// The input is copied, and what has a stride copies its own phases; nothing else is.
    @Test(arguments: [[7, 7], [14, 14], [8, 9]], [false, true])
    func `residual networks copy nothing on the way`(size: [Int], isWide: Bool) throws {
        var random = SplitMix(3)
        var graph = GraphBuilder()
        var value = graph.add(layer(8, 3, &random), 0)
        for block in 0..<3 {
            let stride = block == 1 ? 2 : 1
            var branch = value
            if isWide { branch = graph.add(layer(4, 8, kernel: 1, &random), branch) }
            branch = graph.add(layer(8, isWide ? 4 : 8, stride: stride, &random), branch)
            branch = graph.add(layer(8, 8, kernel: isWide ? 1 : 3, &random), branch)
            if stride == 2 { value = graph.add(layer(8, 8, kernel: 1, stride: 2, &random), value) }
            value = graph.add(
                .add(.relu, output: randomGrid(bits: 4...4, using: &random)), branch, value)
        }
        let places = size.map { ($0 + 1) / 2 }
        let mean = graph.add(
            .averagePooling(
                PackedWindow(kernel: places, stride: [1, 1]), output: randomGrid(using: &random)),
            value)
        _ = graph.add(
            .linear(
                randomLayer(shape: [5, 8], recipe: LayerRecipe(), output: nil, using: &random)),
            graph.add(.flatten, mean))
        let model = graph.model([3] + size, randomGrid(bits: 4...4, using: &random))
        try expectEqualInAllBatches(model, seed: 3)
        // Small planes, those behind the stride here but of 14×14, are copied as they are read.
        guard size == [14, 14] else { return }
        for options in variants {
            #expect(try Engine(model, options: options).copyCount == 3, "\(options)")
        }
    }
}
