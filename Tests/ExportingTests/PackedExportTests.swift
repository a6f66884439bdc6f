import Conversion
import Exporting
import Foundation
import Inference
import Networks
import ONNXSchema
import PackedModel
import Quantization
import Tensors
import Testing

@Suite struct PackedExportTests {
    /// A file of a few bytes may have them; none of them is allocated.
    @Test func `more weights than a file of ONNX can hold are refused`() {
        let (outputs, inputs) = (1 << 15, 1 << 16)
        let layer = PackedLayer(
            weights: PackedTensor(
                shape: [outputs, inputs], levels: [0], gaps: [], codes: [], scales: [1]),
            bias: PackedBias(bits: 2, scale: 1, codes: [Int16](repeating: 0, count: outputs)),
            activation: .identity, output: nil)
        let model = PackedModel(
            name: "wide",
            input: PackedInput(
                shape: [inputs], pixelScale: 1, mean: [0], deviation: [1],
                quantizer: PackedQuantizer(bits: 8, isSigned: false, scale: 1, offset: 0)),
            nodes: [PackedNode(name: "fc", inputs: [0], operation: .linear(layer))])
        #expect(throws: ONNXExportError.tooLarge(bytes: 1 << 31, limit: Int(Int32.max))) {
            try ONNXExport(model)
        }
    }

    /// A quantized network for images of 8×8 bytes.
    private func network(bits: Int) throws -> Network {
        let geometry = ConvolutionGeometry(
            height: 8, width: 8, channels: 1, outputs: 8, kernel: [3, 3], stride: [1, 1],
            padding: [1, 1])
        var network = try Network(
            name: "packed", inputShape: [8, 8, 1],
            chain: [
                (
                    "quantize-input",
                    ActivationQuantizer(
                        bits: 8, scheme: .unsignedAsymmetric, step: 0.0101, offset: -0.7)
                ),
                ("conv1", Convolution(geometry)), ("relu1", Activation(.relu)),
                ("pool1", MaxPooling(kernel: [2, 2], stride: [2, 2])),
                (
                    "quantize-pool1",
                    ActivationQuantizer(
                        bits: bits, scheme: .unsignedSymmetric, step: 4 / Float(1 << bits))
                ),
                ("flatten", Flatten()), ("fc1", Linear(inputs: 128, outputs: 10)),
            ])
        var generator = SeededGenerator(seed: 6)
        network.randomize(using: &generator)
        network.visitParameters { name, parameter in
            if name.hasSuffix(".bias") {
                parameter.setChain([BiasQuantizer(bits: 12)])
            } else {
                parameter.quantize(
                    with: WeightQuantizer(bits: bits, fitting: parameter.trained.value))
            }
        }
        return network
    }

    private let normalization = InputNormalization(
        pixelScale: 1 / 255, mean: [0.25], deviation: [0.4])

    private func convert(_ network: Network) throws -> PackedModel {
        try PackedModel(
            converting: network, normalization: normalization,
            classNames: (0..<10).map { "class \($0)" })
    }

    @Test(arguments: [3, 4, 8])
    func `the exported model predicts what the engine does`(bits: Int) throws {
        let model = try convert(network(bits: bits))
        var generator = SeededGenerator(seed: 7)
        // Four shades an image, so that images differ in more than noise.
        var pixels: [UInt8] = []
        for _ in 0..<200 {
            let shades = (0..<4).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            for row in 0..<8 {
                for column in 0..<8 { pixels.append(shades[row / 4 * 2 + column / 4]) }
            }
        }
        let expected = try Engine(model).predict(pixels: pixels)
        let x = pixels.map { (Float($0) / 255 - 0.25) / 0.4 }
        var slow = SlowONNX(try ONNXExport(model).model)
        let logits = slow.run(SlowONNX.Value([200, 1, 8, 8], x))
        #expect(logits.shape == [200, 10])
        let found = (0..<200).map { image in
            (0..<10).max { logits[[image, $0]] < logits[[image, $1]] }!
        }
        #expect(Set(expected).count > 2)
        #expect(zip(found, expected).count { $0 == $1 } >= 199)
    }

    @Test func `the exported model computes what the quantized network does`() throws {
        var network = try network(bits: 4)
        network.updateEffective()
        let model = try convert(network)
        var generator = SeededGenerator(seed: 8)
        let x = Tensor.random([5, 8, 8, 1], from: -0.6, to: 1.8, using: &generator)
        var slow = SlowONNX(try ONNXExport(model).model)
        let found = slow.run(x.channelsFirst())
        #expect(relativeError(found.elements, network.output(x).elements) < 1e-4)
    }

    /// What ONNX Runtime makes integer layers of: codes, weights and bias behind DequantizeLinear, and
    /// nothing between the layer and QuantizeLinear.
    @Test(arguments: [false, true])
    func `biases are within layers in the steps of sums`(isPerOutput: Bool) throws {
        var network = try network(bits: 8)
        if isPerOutput {
            network.visitParameters { name, parameter in
                guard name.hasSuffix(".weight") else { return }
                parameter.quantize(
                    with: WeightQuantizer(bits: 8, fittingEachOutputOf: parameter.trained.value))
            }
        }
        var packed = try convert(network)
        // A zero of the input that is a whole number of steps.
        packed.input.quantizer?.offset = 0
        let graph = try ONNXExport(packed).model.graph
        let convolution = try #require(graph.node.first { $0.opType == "Conv" })
        #expect(convolution.input.count == 3)
        let bias = try #require(graph.node.first { $0.output == [convolution.input[2]] })
        #expect(bias.opType == "DequantizeLinear" && bias.input.count == 2)
        func tensor(_ name: String) throws -> ONNXTensorProto {
            try #require(graph.initializer.first { $0.name == name })
        }
        let codes = try tensor(bias.input[0])
        #expect(codes.dataType == 6 && codes.dims == [8])
        #expect(try tensor(bias.input[1]).dims == (isPerOutput ? [8] : []))
        let weight = try #require(graph.node.first { $0.output == [convolution.input[1]] })
        #expect(try tensor(weight.input[2]).dims == (isPerOutput ? [8] : []))
        let quantize = try #require(graph.node.first { $0.input.first == convolution.output[0] })
        #expect(quantize.opType == "QuantizeLinear")
        // The network's output has no step: its bias is exact.
        #expect(graph.node.suffix(2).map(\.opType) == ["Gemm", "Add"])

        // Each is the bias to within a step of the sums.
        guard case .convolution(let layer, _) = packed.nodes[0].operation else {
            Issue.record("\(packed.nodes[0].operation)")
            return
        }
        let numbers = codes.rawData.withUnsafeBytes { bytes in
            (0..<8).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self) }
        }
        let steps = try tensor(bias.input[1]).rawData.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map {
                bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)
            }
        }
        for output in 0..<8 {
            let step = Double(steps[isPerOutput ? output : 0])
            let expected = Double(layer.bias.scale) * Double(layer.bias.codes[output])
            #expect(abs(Double(numbers[output]) * step - expected) < step)
        }
    }

    /// With results whose steps are a share of those of sums.
    private func coarse(
        bits: Int, _ share: Float
    ) throws -> (layer: PackedLayer, graph: ONNXGraphProto) {
        var packed = try convert(network(bits: bits))
        packed.input.quantizer?.offset = 0
        guard case .convolution(var layer, let window) = packed.nodes[0].operation else {
            preconditionFailure("\(packed.nodes[0].operation)")
        }
        layer.output!.scale = share * layer.weights.scales[0] * packed.input.quantizer!.scale
        packed.nodes[0].operation = .convolution(layer, window)
        return try (layer, ONNXExport(packed).model.graph)
    }

    @Test func `a bias that steps of sums are too coarse for is added behind the layer`() throws {
        let graph = try coarse(bits: 8, 0.37).graph
        let convolution = try #require(graph.node.first { $0.opType == "Conv" })
        #expect(convolution.input.count == 2)
        #expect(graph.node.contains { $0.opType == "Add" && $0.input[0] == convolution.output[0] })
    }

    @Test(arguments: [2, 3, 4])
    func `a bias of few bits changes no code`(bits: Int) throws {
        var packed = try convert(network(bits: bits))
        packed.input.quantizer?.offset = 0
        let graph = try ONNXExport(packed).model.graph
        #expect(graph.node.first { $0.opType == "Conv" }?.input.count == 3)
        var generator = SeededGenerator(seed: 10)
        let pixels = (0..<40 * 64).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let x = pixels.map { (Float($0) * packed.input.pixelScale - 0.25) / 0.4 }
        let expected = try Engine(packed).logits(pixels: pixels)
        var slow = SlowONNX(try ONNXExport(packed).model)
        let found = slow.run(SlowONNX.Value([40, 1, 8, 8], x)).elements
        #expect(relativeError(found, expected) < 1e-4)
    }

    @Test func `weights of few bits are multiples, so that biases have finer steps`() throws {
        let (layer, graph) = try coarse(bits: 3, 1)
        let convolution = try #require(graph.node.first { $0.opType == "Conv" })
        #expect(convolution.input.count == 3)
        func data(_ part: String) throws -> Data {
            try #require(graph.initializer.first { $0.name == "conv1.sum.\(part)" }).rawData
        }
        let codes = try data("weight.codes").map { Int8(bitPattern: $0) }
        let step = try data("weight.step").withUnsafeBytes { $0.loadUnaligned(as: Float.self) }
        // Levels are in -4...3, and 4 · 32 = 128.
        #expect(step == layer.weights.scales[0] / 32)
        #expect(codes == layer.weights.levelsOfAll.map { $0 &* 32 } && Set(codes).count > 4)
    }

    @Test(arguments: [
        (PackedActivation.identity, [Float]()), (.relu, [128, 191]),
        (.clip(lowest: -0.34, highest: 1.25), [125, 140]),
        (.clip(lowest: -100, highest: 100), [96, 191]),
    ])
    func `functions that clamp are the ends of codes`(
        activation: PackedActivation, ends: [Float]
    ) throws {
        let ends = ends.isEmpty ? [96, 159] : ends.map { min($0, 159) }
        let nodes = [
            PackedNode(name: "f", inputs: [0], operation: .function(activation, output: grid))
        ]
        let model = model([65, 1, 1], nodes)
        let graph = try ONNXExport(model).model.graph
        #expect(
            graph.node.suffix(3).map(\.opType) == ["QuantizeLinear", "Clip", "DequantizeLinear"])
        let clip = graph.node[graph.node.count - 2]
        let found = clip.input.dropFirst().map { name in
            Float(graph.initializer.first { $0.name == name }!.rawData[0])
        }
        #expect(found == ends)
        // Every value of the grid, and one beyond it.
        let x = (-32...32).map { 0.1 * Float($0) }
        let expected = x.map { value in
            let low = 0.1 * (ends[0] - 128)
            return min(max(value, low), 0.1 * (ends[1] - 128))
        }
        #expect(relativeError(try run(model, x), expected) < 1e-6)
    }

    @Test func `normalization and classes stand in the metadata`() throws {
        let model = try ONNXExport(convert(network(bits: 4))).model
        var metadata: [String: String] = [:]
        for entry in model.metadataProps { metadata[entry.key] = entry.value }
        #expect(metadata["pixelScale"] == "\(Float(1) / 255)")
        #expect(metadata["mean"] == "0.25" && metadata["deviation"] == "0.4")
        #expect(metadata["classNames"]?.hasPrefix("class 0\nclass 1\n") == true)
    }

    // MARK: Graphs

    private let grid = PackedQuantizer(bits: 6, isSigned: true, scale: 0.1, offset: 0)

    private func model(_ shape: [Int], _ nodes: [PackedNode]) -> PackedModel {
        PackedModel(
            name: "graph",
            input: PackedInput(
                shape: shape, pixelScale: 1, mean: [0], deviation: [1], quantizer: grid),
            nodes: nodes)
    }

    private func run(_ model: PackedModel, _ x: [Float]) throws -> [Float] {
        var slow = SlowONNX(try ONNXExport(model).model)
        return slow.run(SlowONNX.Value([1] + model.input.shape, x)).elements
    }

    @Test func `scales of each output may be negative`() throws {
        let weights = PackedTensor(
            shape: [3, 2], levels: [0, -128, 5], gaps: [0, 1, 0, 0], codes: [2, 2, 1, 2],
            scales: [0.5, -1, 2])
        let bias = PackedBias(bits: 8, scale: 0.25, codes: [1, 2, 4])
        let layer = PackedLayer(weights: weights, bias: bias, activation: .identity, output: nil)
        let packed = model([2], [PackedNode(name: "fc", inputs: [0], operation: .linear(layer))])
        // Rows of levels: (5, 0), (5, −128), (5, 0): the second with the scale −1.
        let found = try run(packed, [0.2, 0.1])
        let expected: [Float] = [0.5 * 1 + 0.25, -(1 - 12.8) + 0.5, 2 * 1 + 1]
        #expect(relativeError(found, expected) < 1e-6)
        // Turned signs fit where no level is −128.
        var other = packed
        var changed = layer
        changed.weights.levels = [0, -127, 5]
        other.nodes[0].operation = .linear(changed)
        let second = try run(other, [0.2, 0.1])
        #expect(relativeError(second, [0.75, -(1 - 12.7) + 0.5, 3]) < 1e-6)
    }

    @Test func `sums, parts, shuffles, gates and means are those of the codes`() throws {
        let nodes = [
            PackedNode(name: "shuffle", inputs: [0], operation: .channelShuffle(groups: 2)),
            PackedNode(name: "part", inputs: [1], operation: .slice(1..<3)),
            PackedNode(name: "all", inputs: [2, 0], operation: .concatenation(output: grid)),
            PackedNode(
                name: "mean", inputs: [3],
                operation: .averagePooling(
                    PackedWindow(kernel: [1, 2], stride: [1, 2]), output: grid)),
            PackedNode(
                name: "gate", inputs: [4], operation: .function(.hardSigmoid, output: grid)),
            PackedNode(name: "product", inputs: [3, 5], operation: .multiply(output: grid)),
            PackedNode(
                name: "sum", inputs: [6, 3], operation: .add(.relu, output: grid)),
            PackedNode(name: "flat", inputs: [7], operation: .flatten),
        ]
        // Four channels of one row of two; values on the grid.
        let x: [Float] = [0.1, 0.3, -0.3, 0.5, 1, 1.2, 2, -2]
        let rows: [[Float]] = [[0.1, 0.3], [-0.3, 0.5], [1, 1.2], [2, -2]]
        // Shuffled: 0, 2, 1, 3. Its part: 2, 1. Then all channels behind these.
        let all = [rows[2], rows[1]] + rows
        func round(_ x: Float) -> Float {
            0.1 * min(max((x / 0.1).rounded(.toNearestOrEven), -32), 31)
        }
        var expected: [Float] = []
        for row in all {
            let gate = round(min(max(round((row[0] + row[1]) / 2) / 6 + 0.5, 0), 1))
            for value in row { expected.append(round(max(round(value * gate) + value, 0))) }
        }
        let found = try run(model([4, 1, 2], nodes), x)
        #expect(found.count == 12)
        #expect(relativeError(found, expected) < 1e-5)
    }
}
