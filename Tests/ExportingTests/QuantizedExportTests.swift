import Exporting
import Foundation
import Importing
import Networks
import ONNXSchema
import Pruning
import Quantization
import Tensors
import Testing

/// Bits, scheme, step and offset of the grid in the middle of a network.
private struct Case: Sendable, CustomTestStringConvertible {
    var bits: Int
    var scheme: ActivationScheme
    var step: Float
    var offset: Float

    var testDescription: String { "\(bits) bits, \(scheme), \(step), \(offset)" }
    var quantizer: ActivationQuantizer {
        ActivationQuantizer(bits: bits, scheme: scheme, step: step, offset: offset)
    }

    static let all = [
        Case(bits: 8, scheme: .unsignedSymmetric, step: 0.011, offset: 0),
        Case(bits: 3, scheme: .unsignedSymmetric, step: 0.07, offset: 0),
        Case(bits: 8, scheme: .signedSymmetric, step: 0.013, offset: 0),
        Case(bits: 2, scheme: .signedSymmetric, step: 0.1, offset: 0),
        Case(bits: 4, scheme: .unsignedAsymmetric, step: 0.17, offset: -0.61),
        Case(bits: 8, scheme: .unsignedAsymmetric, step: 0.012, offset: -0.307),
        Case(bits: 5, scheme: .signedAsymmetric, step: 0.09, offset: 0.233),
        // A whole number of steps, which becomes the zero point.
        Case(bits: 4, scheme: .unsignedAsymmetric, step: 0.125, offset: -0.5),
        Case(bits: 8, scheme: .unsignedAsymmetric, step: 0.0078125, offset: -1),
    ]
}

@Suite struct QuantizedExportTests {
    /// Input grid, convolution with padding, the grid in question, a depthwise convolution with padding,
    /// means with padding, and a linear layer.
    private func network(_ middle: ActivationQuantizer, weightBits: Int = 4) throws -> Network {
        func geometry(_ channels: Int, _ outputs: Int, groups: Int = 1) -> ConvolutionGeometry {
            ConvolutionGeometry(
                height: 6, width: 6, channels: channels, outputs: outputs, kernel: [3, 3],
                stride: [1, 1], padding: [1, 1], groups: groups)
        }
        var network = try Network(
            name: "quantized", inputShape: [6, 6, 2],
            chain: [
                (
                    "quantize-input",
                    ActivationQuantizer(
                        bits: 8, scheme: .unsignedAsymmetric, step: 0.0079, offset: -1.003)
                ),
                ("conv1", Convolution(geometry(2, 6), hasBias: false)),
                ("bn1", BatchNormalization(channels: 6, activation: .silu)),
                ("quantize-bn1", middle), ("conv2", Convolution(geometry(6, 6, groups: 6))),
                ("mean", AveragePooling(kernel: [3, 3], stride: [2, 2], padding: [1, 1])),
                ("quantize-mean", middle), ("flatten", Flatten()),
                ("fc", Linear(inputs: 54, outputs: 5)),
            ])
        var generator = SeededGenerator(seed: 3)
        network.randomize(using: &generator)
        network.visitParameters { name, parameter in
            if name.hasSuffix(".bias") && !name.hasPrefix("bn") {
                parameter.setChain([BiasQuantizer(bits: 8)])
            } else if !name.hasPrefix("bn") {
                let value = parameter.trained.value
                let kept = value.elements.map { UInt8(abs($0) > 0.2 ? 1 : 0) }
                parameter.setChain([Mask(bytes: kept)])
                parameter.quantize(with: WeightQuantizer(bits: weightBits, fitting: value))
            }
        }
        return network
    }

    @Test(arguments: Case.all)
    private func `a quantized network computes the same as its operations`(middle: Case) throws {
        var network = try network(middle.quantizer)
        network.updateEffective()
        var generator = SeededGenerator(seed: 4)
        let x = Tensor.random([3, 6, 6, 2], using: &generator)
        let expected = network.output(x)
        var slow = SlowONNX(try ONNXExport(network).model)
        let found = slow.run(x.channelsFirst())
        // Sums in another order; no code differs.
        #expect(relativeError(found.elements, expected.elements) < 1e-5)
        let codes = try #require(slow.values["quantize-bn1.codes"]).elements
        #expect(Set(codes).count <= 1 << middle.bits)
        #expect(Set(codes).count > 2)
    }

    @Test func `an offset of whole steps is a zero point, any other is taken off and added`() throws
    {
        for (offset, operations) in [
            (Float(-0.5), ["QuantizeLinear", "Clip", "DequantizeLinear"]),
            (-0.45, ["Sub", "QuantizeLinear", "Clip", "DequantizeLinear", "Add"]),
        ] {
            let middle = ActivationQuantizer(
                bits: 4, scheme: .unsignedAsymmetric, step: 0.125, offset: offset)
            let model = try ONNXExport(network(middle)).model
            let nodes = model.graph.node.filter { $0.name.hasPrefix("quantize-bn1") }
            #expect(nodes.map(\.opType) == operations)
            let zero = model.graph.initializer.first { $0.name == "quantize-bn1.zero" }
            #expect(zero?.dataType == 2)
            #expect(zero?.rawData == Data([offset == -0.5 ? 4 : 0]))
        }
    }

    @Test(arguments: [Float.nan, .infinity])
    func `what is no number is an error that names the layer`(value: Float) throws {
        let changes: [(layer: String, variable: String)] = [
            ("conv1", "conv1.weight"), ("conv2", "conv2.weight.step"), ("fc", "fc.bias"),
            ("quantize-bn1", "quantize-bn1.step"), ("bn1", "bn1.weight"),
        ]
        // An infinite weight has the last code.
        for (layer, name) in changes where value.isNaN || name != "conv1.weight" {
            var network = try network(Case.all[0].quantizer)
            var isChanged = false
            network.visitVariables { found, variable in
                if found == name {
                    // All of them, since masks leave some out.
                    for index in 0..<variable.value.count { variable.value[index] = value }
                    isChanged = true
                }
            }
            #expect(isChanged, "\(name)")
            #expect(throws: ONNXExportError.notFinite(layer: layer), "\(name)") {
                try ONNXExport(network)
            }
        }
        var network = try network(Case.all[0].quantizer)
        network.updateLayer(at: 2) { layer in
            var normalization = layer as! BatchNormalization
            normalization.runningVariance[3] = value
            layer = normalization
        }
        #expect(throws: ONNXExportError.notFinite(layer: "bn1")) { try ONNXExport(network) }
    }

    /// Runtimes have integer kernels for values of one type.
    @Test func `eight bits need no clip, and signed codes are stored with 128 added`() throws {
        for (scheme, code) in [
            (ActivationScheme.unsignedSymmetric, UInt8(0)), (.signedSymmetric, 128),
        ] {
            let middle = ActivationQuantizer(bits: 8, scheme: scheme, step: 0.02)
            let model = try ONNXExport(network(middle)).model
            let nodes = model.graph.node.filter { $0.name.hasPrefix("quantize-bn1") }
            #expect(nodes.map(\.opType) == ["QuantizeLinear", "DequantizeLinear"])
            let zero = model.graph.initializer.first { $0.name == "quantize-bn1.zero" }
            #expect(zero?.dataType == 2 && zero?.rawData == Data([code]))
        }
    }

    @Test(arguments: [2, 4, 8])
    func `weights are the multiples of their step, pruned ones zero`(bits: Int) throws {
        var network = try network(Case.all[0].quantizer, weightBits: bits)
        network.updateEffective()
        let model = try ONNXExport(network).model
        let tensor = try #require(
            model.graph.initializer.first { $0.name == "conv1.weight.codes" })
        #expect(tensor.dataType == 3 && tensor.dims == [6, 2, 3, 3])
        let codes = [UInt8](tensor.rawData).map { Int(Int8(bitPattern: $0)) }
        let weight = (network.nodes[1].layer as! Convolution).weight
        let step = weight.parametrization(WeightQuantizer.self)!.grid.step
        // `[kernelHeight, kernelWidth, channels, outputs]`, read by position.
        for output in 0..<6 {
            for channel in 0..<2 {
                for tap in 0..<9 {
                    let code = codes[(output * 2 + channel) * 9 + tap]
                    #expect(
                        abs(step * Float(code) - weight.effective[(tap * 2 + channel) * 6 + output])
                            < 1e-6)
                    #expect((-(1 << (bits - 1))...(1 << (bits - 1)) - 1).contains(code))
                }
            }
        }
        #expect(codes.contains(0) && Set(codes).count > 2)
    }

    /// Within the layer, runtimes would round it to the steps of sums.
    @Test func `the bias of a network's weights in codes is added behind the layer`() throws {
        let model = try ONNXExport(network(Case.all[0].quantizer)).model
        let layers = model.graph.node.filter { ["Conv", "Gemm"].contains($0.opType) }
        #expect(layers.map(\.input.count) == [2, 2, 2])
        #expect(model.graph.node.contains { $0.opType == "Add" && $0.input[1] == "conv2.bias" })
        #expect(model.graph.node.last?.opType == "Add")
    }

    @Test func `weights with a step for each output compute the same`() throws {
        var network = try network(Case.all[4].quantizer)
        network.visitParameters { name, parameter in
            guard name.hasSuffix(".weight"), !name.hasPrefix("bn") else { return }
            parameter.quantize(
                with: WeightQuantizer(bits: 4, fittingEachOutputOf: parameter.trained.value))
        }
        network.updateEffective()
        let model = try ONNXExport(network).model
        let steps = try #require(
            model.graph.initializer.first { $0.name == "conv1.weight.step" })
        #expect(steps.dims == [6])
        var generator = SeededGenerator(seed: 9)
        let x = Tensor.random([2, 6, 6, 2], using: &generator)
        var slow = SlowONNX(model)
        let found = slow.run(x.channelsFirst())
        #expect(relativeError(found.elements, network.output(x).elements) < 1e-5)
    }

    @Test func `weights in codes are imported as the floats that they stand for`() throws {
        // Without quantizers of activations, which are no layers of a float network.
        var float = try network(Case.all[0].quantizer)
        float = try Network(
            name: "codes", inputShape: float.inputShape,
            chain: float.nodes.filter { !($0.layer is ActivationQuantizer) }
                .map { ($0.name, $0.layer) })
        let path = NSTemporaryDirectory() + "shrink-\(UUID().uuidString).onnx"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try ONNXExport(float).write(to: path)
        let again = try Network(onnx: path)
        var generator = SeededGenerator(seed: 5)
        let x = Tensor.random([2, 6, 6, 2], using: &generator)
        #expect(relativeError(again.output(x).elements, float.output(x).elements) < 1e-5)
    }
}
