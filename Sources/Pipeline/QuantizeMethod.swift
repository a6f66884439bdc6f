import Conversion
import Networks
import Quantization
import Tensors
import Training
import WeightSharing

/// Puts weights, biases and activations on integer grids; training then learns steps and offsets.
///
/// `QuantizerPlacement` says where the grids of activations are; they start from samples of what the
/// network computes with its quantized weights.
struct QuantizeMethod: StageMethod {
    let settings: QuantizeSettings

    func prepare(_ network: inout Network, _ context: StageContext) throws {
        let layers = network.weightedLayers
        let weightBits = try settings.weights.bits.resolved(
            for: layers, key: "weights.bits", context)
        let activationBits = try settings.activations.bits.resolved(
            for: layers, key: "activations.bits", context)
        network = try network.removingActivationQuantizers().separatingFunctions()
        quantizeWeights(&network, bits: weightBits)
        reestimate(&network, context)
        // Before the placement has a copy, so that weights are not computed in a second one.
        network.updateEffective()
        let placement = QuantizerPlacement(
            network,
            bits: .init(
                layers: activationBits, residual: settings.activations.residualBits,
                input: settings.inputBits))
        let quantizers = quantizers(placement, in: &network, context)
        network = try placement.network(with: quantizers)
    }

    /// What the file will hold is what is evaluated.
    func finish(_ network: inout Network, _ context: StageContext) throws {
        reestimate(&network, context)
        try network.roundForConversion()
    }

    private func reestimate(_ network: inout Network, _ context: StageContext) {
        network.reestimateBatchNormalization(
            batches: settings.batchNormBatches, settings.training, context)
    }

    // MARK: Weights

    private func quantizeWeights(_ network: inout Network, bits: [String: Int]) {
        for index in network.nodes.indices where network.nodes[index].hasWeights {
            let bits = bits[network.nodes[index].name]!
            let isNormalized = network.readers[index + 1].contains {
                network.nodes[$0.node].layer is BatchNormalization
            }
            network.updateLayer(at: index) { layer in
                layer.visitParameters { name, parameter in
                    if name == "weight" {
                        quantize(&parameter, bits: bits)
                    } else if !isNormalized {
                        parameter.setChain([BiasQuantizer(bits: settings.biasBits)])
                    }
                }
            }
        }
    }

    private func quantize(_ weight: inout Parameter, bits: Int) {
        // A grid of an earlier stage is no bound for the new one.
        weight.setChain(weight.chain.filter { !($0 is WeightQuantizer) })
        let initialization =
            settings.weights.initialization ?? (bits == 8 ? .maximum : .leastSquares)
        guard let codebook = weight.parametrization(Codebook.self) else {
            let values = weight.effective
            weight.quantize(
                with: settings.weights.isPerChannel
                    ? WeightQuantizer(
                        bits: bits, fittingEachOutputOf: values, initialization: initialization,
                        isNarrow: settings.weights.isNarrow)
                    : WeightQuantizer(
                        bits: bits, fitting: values, initialization: initialization,
                        isNarrow: settings.weights.isNarrow))
            return
        }
        // Centroids stand for weights of all outputs, so they have one step.
        let centroids = weight.trained.value
        weight.quantize(
            with: WeightQuantizer(
                bits: bits, fitting: centroids,
                counts: codebook.memberCounts(centroids: centroids.count),
                initialization: initialization, isNarrow: settings.weights.isNarrow))
    }

    // MARK: Activations

    /// One for each site, fitted to what the network computes with its quantized weights.
    private func quantizers(
        _ placement: QuantizerPlacement, in network: inout Network, _ context: StageContext
    ) -> [ActivationQuantizer] {
        let sites = placement.sites
        let samples = ActivationSamples(
            of: Set(sites.map(\.value)), in: &network, on: context.data.train,
            count: settings.calibrationCount, seed: context.seed, threads: context.threads)
        return [ActivationQuantizer?](repeating: nil, count: sites.count)
            .filled(threads: context.threads) { index in
                quantizer(sites[index], sample: samples[sites[index].value])
            }
    }

    private func quantizer(
        _ site: QuantizerPlacement.Site, sample: [Float]
    ) -> ActivationQuantizer {
        let settings = settings.activations
        let scheme: ActivationScheme =
            switch site.role {
            case .input: .fitting(sample, allowsSigned: false)
            case .layer: settings.configuration ?? .fitting(sample, allowsSigned: false)
            case .residual: .fitting(sample, allowsSigned: true)
            }
        var quantizer = ActivationQuantizer(
            bits: site.bits, scheme: scheme,
            isLearned: site.role != .input || self.settings.learnsInput)
        quantizer.calibrate(
            on: sample, initialization: site.role == .input ? .minMax : settings.initialization)
        return quantizer
    }
}

extension [ActivationQuantizer?] {
    /// Elements made by `make`, on several threads.
    fileprivate func filled(
        threads: Int, _ make: (Int) -> ActivationQuantizer
    ) -> [ActivationQuantizer] {
        var result = self
        result.withUnsafeMutableBufferPointer { result in
            nonisolated(unsafe) let base = result.baseAddress
            parallel(chunks: count, threads: threads) { base![$0] = make($0) }
        }
        return result.map { $0! }
    }
}

extension Network.Node {
    var hasWeights: Bool { layer is Linear || layer is Convolution }
}

extension Network {
    /// Makes running statistics anew at the end of a stage, where there are any: from as many images
    /// as `batches` of the training hold, in smaller batches where images are large.
    mutating func reestimateBatchNormalization(
        batches: Int, _ training: TrainingSettings, _ context: StageContext
    ) {
        guard hasBatchNormalization, batches > 0 else { return }
        // 1 GB of activations.
        let batchSize = min(training.batchSize, max(8, (1 << 28) / elementsPerSample))
        reestimateBatchNormalization(
            on: context.data.train, batches: batches * training.batchSize / batchSize,
            batchSize: batchSize, seed: context.seed, threads: context.threads)
    }
}

extension String {
    /// What stands before a suffix, or `nil` if it is not there.
    func removing(suffix: String) -> String? {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : nil
    }
}
