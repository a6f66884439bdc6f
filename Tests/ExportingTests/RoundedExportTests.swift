import Conversion
import Exporting
import Foundation
import Importing
import Inference
import Networks
import ONNXSchema
import PackedModel
import Quantization
import Tensors
import Testing

/// Models whose weights were rounded after training, as ONNX.
@Suite struct RoundedExportTests {
    private func network(isHalf: Bool, isPerOutput: Bool = false) throws -> Network {
        let geometry = ConvolutionGeometry(
            height: 8, width: 8, channels: 2, outputs: 8, kernel: [3, 3], stride: [1, 1],
            padding: [1, 1])
        var network = try Network(
            name: "rounded", inputShape: [8, 8, 2],
            chain: [
                ("conv1", Convolution(geometry, hasBias: false)),
                ("norm1", BatchNormalization(channels: 8)), ("swish", Activation(.hardSwish)),
                ("pool1", MaxPooling(kernel: [2, 2], stride: [2, 2])), ("flatten", Flatten()),
                ("fc1", Linear(inputs: 128, outputs: 10)),
            ])
        var generator = SeededGenerator(seed: 6)
        network.randomize(using: &generator)
        network.visitParameters { name, parameter in
            if name == "fc1.bias" { return parameter.setChain([BiasQuantizer(bits: 16)]) }
            guard name.hasSuffix("1.weight"), !name.hasPrefix("norm") else { return }
            let weights = parameter.trained.value
            if isHalf {
                parameter.roundToHalf()
            } else {
                parameter.quantize(
                    with: isPerOutput
                        ? WeightQuantizer(bits: 8, fittingEachOutputOf: weights)
                        : WeightQuantizer(bits: 8, fitting: weights))
            }
        }
        if !isHalf { network = try network.quantizingDynamically() }
        try network.roundForConversion()
        return network
    }

    @Test func `half precision that is imported again is the same network`() throws {
        let network = try network(isHalf: true)
        let model = try PackedModel(
            converting: network,
            normalization: InputNormalization(
                pixelScale: 1, mean: [0, 0], deviation: [1, 1]), classNames: [])
        let path = NSTemporaryDirectory() + "shrink-\(UUID().uuidString).onnx"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var generator = SeededGenerator(seed: 8)
        let x = Tensor.random([2, 8, 8, 2], from: -0.6, to: 1.8, using: &generator)
        for export in [try ONNXExport(model), try ONNXExport(network)] {
            try export.write(to: path)
            let again = try Network(onnx: path)
            #expect(relativeError(again.output(x).elements, network.output(x).elements) < 1e-5)
        }
    }

    @Test(arguments: [(true, false), (false, false), (false, true)])
    func `the exported model computes what the network and the engine do`(
        isHalf: Bool, isPerOutput: Bool
    ) throws {
        let network = try network(isHalf: isHalf, isPerOutput: isPerOutput)
        let model = try PackedModel(
            converting: network,
            normalization: InputNormalization(
                pixelScale: 1, mean: [0, 0], deviation: [1, 1]), classNames: [])
        let export = try ONNXExport(model)
        let fromNetwork = try ONNXExport(network, metadata: [:])
        var generator = SeededGenerator(seed: 8)
        let engine = try Engine(model)
        for _ in 0..<6 {
            // Grids span a batch: one sample at a time.
            let x = Tensor.random([1, 8, 8, 2], from: -0.6, to: 1.8, using: &generator)
            let expected = network.output(x).elements
            let tolerance: Float = isHalf ? 1e-5 : 3e-3
            for model in [export.model, fromNetwork.model] {
                var slow = SlowONNX(model)
                #expect(
                    relativeError(slow.run(x.channelsFirst()).elements, expected) < tolerance)
            }
            let logits = engine.logits(samples: x.channelsFirst().elements)
            #expect(relativeError(logits, expected) < tolerance)
        }
        for model in [export.model, fromNetwork.model] {
            let halves = model.graph.initializer.filter { $0.dataType == 10 }
            #expect(halves.map(\.rawData.count) == (isHalf ? [2 * 8 * 2 * 9, 2 * 10 * 128] : []))
            #expect(model.graph.node.count { $0.opType == "Cast" } == halves.count)
        }
        let operations = export.model.graph.node.map(\.opType)
        #expect(operations.count { $0 == "DynamicQuantizeLinear" } == (isHalf ? 0 : 2))
    }
}
