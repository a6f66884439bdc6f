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
        let pixels = (0..<200 * 64).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
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
