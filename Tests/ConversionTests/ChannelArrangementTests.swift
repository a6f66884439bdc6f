import Conversion
import Inference
import Networks
import PackedModel
import Quantization
import Tensors
import Testing

/// Models beside the same ones with their channels arranged.
struct ChannelArrangementTests {
    private func quantized(
        _ graph: SampleGraph, using generator: inout SeededGenerator
    ) throws -> Network {
        let network = try graph.network(using: &generator)
        var images = Tensor(shape: [8] + network.inputShape)
        images.fill(withDeviation: 1, seed: 1, threads: 1)
        return try network.quantized(on: images, bits: 4, scheme: nil, perOutput: true)
    }

    /// A sample graph in integers; in each of its layers nobody reads some of the channels.
    private func pruned(
        _ graph: SampleGraph, using generator: inout SeededGenerator
    ) throws -> PackedModel {
        var model = try quantized(graph, using: &generator).packed()
        for index in model.nodes.indices {
            guard let layer = model.nodes[index].operation.layer else { continue }
            let channels = layer.weights.shape[1]
            let dead = (0..<channels).map { _ in Int.random(in: 0...2, using: &generator) == 0 }
            if channels > 1 {
                model.nodes[index].operation.layer?.weights = layer.weights.clearing(dead)
            }
        }
        return model
    }

    @Test(arguments: SampleGraph.allCases, 0..<4)
    func `results are the same to the bit`(graph: SampleGraph, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let model = try pruned(graph, using: &generator)
        let small = model.arrangingChannels()
        let (all, some) = (try ReferenceInterpreter(model), try ReferenceInterpreter(small))
        let engine = try Engine(small)
        for _ in 0..<4 {
            let pixels = (0..<engine.inputCount).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            #expect(some.logits(pixels: pixels) == all.logits(pixels: pixels))
            #expect(engine.logits(pixels: pixels) == all.logits(pixels: pixels))
        }
        #expect(small.arrangingChannels() == small)
        // In the others, sums and concatenations read everything, or some place of each channel is read.
        if ![.dense, .features, .grouped].contains(graph) {
            #expect(small.weightCount < model.weightCount)
        }
    }

    @Test(arguments: SampleGraph.allCases)
    func `conversion arranges channels`(graph: SampleGraph) throws {
        var generator = SeededGenerator(seed: 1)
        let network = try quantized(graph, using: &generator)
        #expect(
            try network.packed(arrangesChannels: true) == network.packed().arrangingChannels())
    }

    /// Channels that either of two convolutions reads stay for both; a function, padding, pooling and new
    /// shapes stand between layers with one scale for all outputs.
    @Test
    func `what anybody reads stays for everybody`() throws {
        let quantizer = PackedQuantizer(bits: 4, isSigned: false, scale: 1, offset: 0)
        var generator = SeededGenerator(seed: 3)
        func layer(_ shape: [Int], _ isRead: (Int) -> Bool, real: Bool = false) -> PackedLayer {
            let count = shape.product
            let full = PackedTensor(
                shape: shape, levels: [0, 1, -1, 2], gaps: Array(repeating: 0, count: count),
                codes: (0..<count).map { _ in UInt8.random(in: 1...3, using: &generator) },
                scales: [0.11])
            return PackedLayer(
                weights: full.clearing((0..<shape[1]).map { !isRead($0) }),
                bias: PackedBias(bits: 8, scale: 0.3, codes: (0..<Int16(shape[0])).map { $0 }),
                activation: .relu, output: real ? nil : quantizer)
        }
        let point = PackedWindow(kernel: [1, 1], stride: [1, 1])
        let square = PackedWindow(kernel: [2, 2], stride: [1, 1])
        let operations: [([Int], PackedOperation)] = [
            ([0], .convolution(layer([6, 1, 1, 1], { _ in true }), point)),
            ([1], .function(.silu, output: quantizer)),
            ([2], .convolution(layer([4, 6, 1, 1], { [0, 2].contains($0) }), point)),
            ([2], .convolution(layer([4, 6, 1, 1], { [2, 5].contains($0) }), point)),
            ([3, 4], .add(.identity, output: quantizer)),
            ([5], .padding([1, 0, 0, 1])),
            ([6], .averagePooling(square, output: quantizer)),
            ([7], .convolution(layer([5, 4, 1, 1], { $0 != 1 }), point)),
            ([8], .reshape([5, 1, 9])),
            // Linear layers read images as they are; vectors can be images of one place.
            ([9], .linear(layer([7, 45], { $0 / 9 != 3 }))),
            ([10], .reshape([7, 1, 1])),
            ([11], .convolution(layer([3, 7, 1, 1], { $0 % 2 == 0 }, real: true), point)),
            ([12], .flatten),
        ]
        let model = PackedModel(
            name: "forked",
            input: PackedInput(
                shape: [1, 3, 3], pixelScale: 1, mean: [0], deviation: [1], quantizer: quantizer),
            nodes: operations.enumerated().map { index, node in
                PackedNode(name: "node\(index)", inputs: node.0, operation: node.1)
            })
        let small = model.arrangingChannels()
        #expect(
            small.nodes.compactMap { $0.operation.layer?.weights.shape } == [
                [3, 1, 1, 1], [4, 3, 1, 1], [4, 3, 1, 1], [4, 4, 1, 1], [4, 36], [3, 4, 1, 1],
            ])
        let (all, some) = (try ReferenceInterpreter(model), try ReferenceInterpreter(small))
        let engine = try Engine(small)
        for _ in 0..<5 {
            let pixels = (0..<9).map { _ in UInt8.random(in: 0...15, using: &generator) }
            #expect(some.logits(pixels: pixels) == all.logits(pixels: pixels))
            #expect(engine.logits(pixels: pixels) == all.logits(pixels: pixels))
        }
    }

    /// Convolution, depthwise convolution, pooling, flattening and two linear layers, all outputs but
    /// some of which are never read.
    @Test
    func `outputs and the weights behind them are left out`() throws {
        let quantizer = PackedQuantizer(bits: 4, isSigned: false, scale: 1, offset: 0)
        func layer(_ shape: [Int], _ isRead: (Int) -> Bool, real: Bool = false) -> PackedLayer {
            let full = PackedTensor(
                shape: shape, levels: [0, 1, 2], gaps: Array(repeating: 0, count: shape.product),
                codes: (0..<shape.product).map { UInt8(1 + $0 % 2) },
                scales: (0..<shape[0]).map { 0.1 + Float($0) })
            return PackedLayer(
                weights: full.clearing((0..<shape[1]).map { !isRead($0) }),
                bias: PackedBias(bits: 8, scale: 1, codes: (0..<Int16(shape[0])).map { $0 }),
                activation: .relu, output: real ? nil : quantizer)
        }
        let window = PackedWindow(kernel: [3, 3], stride: [1, 1], padding: [1, 1])
        var depthwise = window
        depthwise.groups = 6
        // Of 6 channels of 4 features each, features of 1 and 4 are read; of 5 features, 0 and 3.
        let operations: [PackedOperation] = [
            .convolution(layer([6, 1, 3, 3], { _ in true }), window),
            .convolution(layer([6, 1, 3, 3], { _ in true }), depthwise),
            .maxPooling(PackedWindow(kernel: [2, 2], stride: [2, 2])),
            .flatten,
            .linear(layer([5, 24], { [6, 16, 19].contains($0) })),
            .linear(layer([3, 5], { [0, 3].contains($0) }, real: true)),
        ]
        let model = PackedModel(
            name: "small",
            input: PackedInput(
                shape: [1, 4, 4], pixelScale: 1, mean: [0], deviation: [1], quantizer: quantizer),
            nodes: operations.enumerated().map { index, operation in
                PackedNode(name: "node\(index)", inputs: [index], operation: operation)
            })
        let small = model.arrangingChannels()
        let layers = small.nodes.compactMap(\.operation.layer)
        #expect(
            layers.map(\.weights.shape) == [[2, 1, 3, 3], [2, 1, 3, 3], [2, 8], [3, 2]])
        #expect(layers.map(\.bias.codes) == [[1, 4], [1, 4], [0, 3], [0, 1, 2]])
        #expect(
            layers.map(\.weights.scales) == [
                [1.1, 4.1], [1.1, 4.1], [0.1, 3.1], [0.1, 1.1, 2.1],
            ])
        #expect(layers.map(\.weights.codes.count) == [18, 18, 6, 6])
        guard case .convolution(_, let found) = small.nodes[1].operation else {
            Issue.record("no convolution")
            return
        }
        #expect(found.groups == 2)
        let (all, some) = (try ReferenceInterpreter(model), try ReferenceInterpreter(small))
        let pixels = (0..<16).map { UInt8($0 * 37 % 16) }
        #expect(some.logits(pixels: pixels) == all.logits(pixels: pixels))
        #expect(Set(all.logits(pixels: pixels)).count > 1)
    }

    /// Channels come by descending number of weights, those with as many as they were; with their biases
    /// and scales; and those who read them follow. The last layer's outputs stay.
    @Test
    func `outputs stand by number of their weights`() throws {
        let quantizer = PackedQuantizer(bits: 4, isSigned: false, scale: 1, offset: 0)
        func layer(_ rows: [[Int8]], real: Bool = false) -> PackedLayer {
            var (gaps, codes, gap): ([UInt32], [UInt8], UInt32) = ([], [], 0)
            for weight in rows.joined() {
                if weight == 0 {
                    gap += 1
                } else {
                    gaps.append(gap)
                    codes.append(UInt8(weight))
                    gap = 0
                }
            }
            return PackedLayer(
                weights: PackedTensor(
                    shape: [rows.count, rows[0].count], levels: [0, 1, 2, 3, 4], gaps: gaps,
                    codes: codes, scales: (0..<rows.count).map { 1 + Float($0) }),
                bias: PackedBias(bits: 8, scale: 1, codes: (0..<Int16(rows.count)).map { $0 }),
                activation: .relu, output: real ? nil : quantizer)
        }
        func model(_ layers: [PackedLayer]) -> PackedModel {
            PackedModel(
                name: "sorted",
                input: PackedInput(
                    shape: [3], pixelScale: 1, mean: [0], deviation: [1], quantizer: quantizer),
                nodes: layers.enumerated().map {
                    PackedNode(name: "node\($0)", inputs: [$0], operation: .linear($1))
                })
        }
        let all = model([
            layer([[0, 1, 0], [1, 2, 3], [0, 0, 2], [4, 0, 1]]),
            layer([[0, 0, 0, 1], [1, 2, 3, 4]], real: true),
        ])
        let sorted = all.arrangingChannels()
        var first = layer([[1, 2, 3], [4, 0, 1], [0, 1, 0], [0, 0, 2]])
        first.weights.scales = [2, 4, 1, 3]
        first.bias.codes = [1, 3, 0, 2]
        #expect(sorted == model([first, layer([[0, 1, 0, 0], [2, 4, 1, 3]], real: true)]))
        for pixels in [[0, 0, 1], [1, 2, 3], [2, 0, 0]] as [[UInt8]] {
            #expect(
                try ReferenceInterpreter(sorted).logits(pixels: pixels)
                    == ReferenceInterpreter(all).logits(pixels: pixels))
        }
    }

    /// A layer nobody reads anything of keeps one output, since files have no empty tensors.
    @Test
    func `a layer keeps at least one output`() throws {
        let quantizer = PackedQuantizer(bits: 4, isSigned: false, scale: 1, offset: 0)
        func linear(_ outputs: Int, _ output: PackedQuantizer?) -> PackedOperation {
            let weights = PackedTensor(
                shape: [outputs, 4], levels: [0], gaps: [], codes: [], scales: [1])
            let codes = (0..<Int16(outputs)).map { $0 }
            return .linear(
                PackedLayer(
                    weights: weights, bias: PackedBias(bits: 8, scale: 1, codes: codes),
                    activation: .identity, output: output))
        }
        let model = PackedModel(
            name: "empty",
            input: PackedInput(
                shape: [4], pixelScale: 1, mean: [0], deviation: [1], quantizer: quantizer),
            nodes: [
                PackedNode(name: "a", inputs: [0], operation: linear(4, quantizer)),
                PackedNode(name: "b", inputs: [1], operation: linear(3, nil)),
            ])
        let small = model.arrangingChannels()
        #expect(small.nodes.map { $0.operation.layer?.weights.shape } == [[1, 4], [3, 1]])
        #expect(try ReferenceInterpreter(small).logits(pixels: [1, 2, 3, 4]) == [0, 1, 2])
    }
}

extension PackedModel {
    /// Zeros included.
    fileprivate var weightCount: Int {
        nodes.reduce(0) { $0 + ($1.operation.layer?.weights.count ?? 0) }
    }
}

extension [Int] {
    fileprivate var product: Int { reduce(1, *) }
}

extension PackedTensor {
    /// Without the weights for the channels (`shape[1]`) that are marked.
    fileprivate func clearing(_ channels: [Bool]) -> PackedTensor {
        let taps = shape[2...].reduce(1, *)
        var result = self
        (result.gaps, result.codes) = ([], [])
        var (position, next) = (0, 0)
        for (gap, code) in zip(gaps, codes) {
            position += Int(gap)
            if !channels[position / taps % shape[1]] {
                result.gaps.append(UInt32(position - next))
                result.codes.append(code)
                next = position + 1
            }
            position += 1
        }
        return result
    }
}
