import Networks
import Quantization
import Tensors
import Testing

struct BiasCorrectionTests {
    /// Weights of 3 bits, activations of 4, biases of 16 where no batch normalization follows.
    private func quantized(_ network: Network, on images: Tensor) throws -> Network {
        var result = network
        let readers = network.readers
        for index in network.nodes.indices {
            let isNormalized =
                readers[index + 1].count == 1
                && network.nodes[readers[index + 1][0].node].layer is BatchNormalization
            result.updateLayer(at: index) { layer in
                guard layer is Linear || layer is Convolution else { return }
                layer.visitParameters { name, parameter in
                    if name == "weight" {
                        parameter.quantize(
                            with: WeightQuantizer(bits: 3, fitting: parameter.effective))
                    } else if !isNormalized {
                        parameter.setChain([BiasQuantizer(bits: 16)])
                    }
                }
            }
        }
        let placement = QuantizerPlacement(result, bits: .init(layers: [:], residual: 4))
        var pass = Pass(isTraining: false)
        _ = result.forward(images, pass: &pass)
        let quantizers = placement.sites.map { site in
            var quantizer = ActivationQuantizer(
                bits: 4,
                scheme: .fitting(result.activation(site.value).elements, allowsSigned: false))
            quantizer.calibrate(on: [result.activation(site.value)])
            return quantizer
        }
        return try placement.network(with: quantizers)
    }

    /// The largest error of a mean, for each layer.
    private func errors(
        _ network: Network, _ reference: Network, _ batches: [Tensor]
    ) -> [String: Double] {
        var (network, reference) = (network, reference)
        let expected = slowMeans(&reference, batches)
        let found = slowMeans(&network, batches)
        return expected.merging(found) { zip($0, $1).map { $0 - $1 } }
            .mapValues { $0.map(abs).max()! }
    }

    /// Means of each channel of layers with weights, or of the batch normalization behind them with
    /// its activation function taken away.
    private func slowMeans(_ network: inout Network, _ batches: [Tensor]) -> [String: [Double]] {
        var sums: [String: [Double]] = [:]
        for batch in batches {
            var pass = Pass(isTraining: false)
            _ = network.forward(batch, pass: &pass)
            for (index, node) in network.nodes.enumerated()
            where node.layer is Linear || node.layer is Convolution {
                var values = network.activation(index + 1)
                let next = index + 1 < network.nodes.count ? network.nodes[index + 1].layer : nil
                if var normalization = next as? BatchNormalization {
                    normalization.activation = .identity
                    var result = Tensor(shape: values.shape)
                    normalization.forward([values], into: &result, pass: &pass)
                    values = result
                }
                let channels = values.shape.last!
                var own = sums[node.name] ?? [Double](repeating: 0, count: channels)
                for (place, value) in values.elements.enumerated() {
                    own[place % channels] +=
                        Double(value) * Double(channels)
                        / Double(values.count * batches.count)
                }
                sums[node.name] = own
            }
        }
        return sums
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `means of channels are those of the float network afterwards`(seed: UInt64) throws {
        var make = PostTrainingNetworks(seed: seed)
        let reference = try make.separable()
        let batches = (0..<3).map { _ in make.random([8, 6, 6, 4]) }
        var network = try quantized(reference, on: batches[0])
        let before = errors(network, reference, batches)
        try network.correctBiases(toMatch: reference, biasBits: 16, threads: 1) {
            batches.forEach($0)
        }
        let after = errors(network, reference, batches)
        #expect(before.count == 6)
        for (layer, error) in before {
            // Biases of 16 bits have steps of 2⁻¹⁵ of the largest, which is below 16 here.
            #expect(after[layer]! <= 5e-4, "\(layer)")
            #expect(after[layer]! < 0.05 * error, "\(layer)")
        }
    }

    @Test func `a convolution without a bias gets one`() throws {
        var make = PostTrainingNetworks(seed: 9)
        let reference = try Network(
            name: "one", inputShape: [6, 6, 3], chain: [("conv", make.convolution(3, 4))])
        let images = make.random([16, 6, 6, 3])
        let shifted = Tensor(shape: images.shape, elements: images.elements.map { $0 + 1 })
        var network = try quantized(reference, on: shifted)
        try network.correctBiases(toMatch: reference, biasBits: 12, threads: 1) { $0(shifted) }
        let layer = try #require(network.nodes.last?.layer as? Convolution)
        #expect(layer.bias?.parametrization(BiasQuantizer.self)?.bits == 12)
        #expect(errors(network, reference, [shifted])["conv"]! <= 5e-3)
    }
}
