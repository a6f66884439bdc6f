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
        let weightBits =
            try settings.weights.budget.map { allocatedBits($0, network, context) }
            ?? settings.weights.bits.resolved(for: layers, key: "weights.bits", context)
        let activationBits = try settings.activations.bits.resolved(
            for: layers, key: "activations.bits", context)
        network = try network.removingActivationQuantizers().separatingFunctions()
        if settings.equalizes { try equalize(&network, context) }
        let reference = settings.correctsBias ? network : nil
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
        if let reference { try correctBiases(&network, reference, context) }
    }

    func beforeStep(_ step: Int, _ network: inout Network, _ context: StageContext) {
        let progress = context.progress(step)
        if settings.weights.rule.isScheduled || settings.activations.rule.isScheduled {
            network.followTraining(progress: progress)
        }
        if step > 0 { trackOscillations(&network, progress) }
    }

    func afterBackward(_ step: Int, _ network: inout Network, _ context: StageContext) {
        guard let price = settings.rate else { return }
        network.addRateGradient(price: price, progress: context.progress(step))
    }

    /// What the file will hold is what is evaluated.
    func finish(_ network: inout Network, _ context: StageContext) throws {
        trackOscillations(&network, 1)
        // Corrected biases belong to the statistics that are there.
        if !settings.correctsBias { reestimate(&network, context) }
        try network.roundForConversion()
    }

    private func trackOscillations(_ network: inout Network, _ progress: Float) {
        guard let freezing = settings.weights.freezing else { return }
        let freezes = progress >= freezing.threshold.start
        network.visitWeights { _, weight in
            guard let quantizer = weight.weightQuantizer,
                quantizer.bits <= QuantizeSettings.Freezing.mostBits
            else { return }
            weight.trackOscillations(
                momentum: freezing.momentum,
                threshold: freezes ? freezing.threshold.value(at: progress) : nil)
        }
    }

    /// Without training, on no more than the calibration images: the order of images is the same.
    func reestimate(_ network: inout Network, _ context: StageContext) {
        var training = settings.training
        var batches = settings.batchNormBatches ?? context.usualBatchNormBatches
        if !settings.trains {
            training.batchSize = min(training.batchSize, settings.calibrationCount)
            batches = min(batches, settings.calibrationCount / training.batchSize)
        }
        network.reestimateBatchNormalization(batches: batches, training, context)
    }

    // MARK: Weights

    private func quantizeWeights(_ network: inout Network, bits: [String: Int]) {
        for index in network.nodes.indices where network.nodes[index].hasWeights {
            let bits = bits[network.nodes[index].name]!
            let isNormalized = network.isNormalized(index)
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

    func quantize(_ weight: inout Parameter, bits: Int) {
        // A grid of an earlier stage is no bound for the new one.
        weight.removeWeightQuantizer()
        let codebook = weight.parametrization(Codebook.self)
        let values = codebook == nil ? weight.effective : weight.trained.value
        let counts = codebook?.memberCounts(centroids: values.count)
        // Centroids stand for weights of all outputs.
        let isPerOutput = settings.weights.isPerChannel && counts == nil
        switch settings.weights.method {
        case .doReFa where bits < 8:
            weight.quantize(
                with: DoReFaWeightQuantizer(
                    bits: bits, isPerOutput: isPerOutput, rule: settings.weights.rule))
        case .ewgs where bits < 8:
            weight.quantize(
                with: EWGSWeightQuantizer(
                    bits: bits, fitting: values, counts: counts, isPerOutput: isPerOutput,
                    delta: settings.weights.delta, rule: settings.weights.rule))
        default:
            weight.quantize(with: learnedSteps(bits: bits, values, counts))
        }
    }

    /// - Parameter counts: how many weights each of a table of centroids stands for. They stand for
    ///   weights of all outputs, so they have one step.
    private func learnedSteps(
        bits: Int, _ values: Tensor, _ counts: [Int]?
    ) -> WeightQuantizer {
        let settings = settings.weights
        let initialization =
            settings.initialization
            ?? (bits == 8 ? .maximum : settings.method == .lsq ? .lsq : .leastSquares)
        var quantizer =
            settings.isPerChannel && counts == nil
            ? WeightQuantizer(
                bits: bits, fittingEachOutputOf: values, initialization: initialization,
                isNarrow: settings.isNarrow)
            : WeightQuantizer(
                bits: bits, fitting: values, counts: counts, initialization: initialization,
                isNarrow: settings.isNarrow)
        quantizer.rule = settings.rule
        return quantizer
    }

    // MARK: Activations

    /// One for each site, fitted to what the network computes with its quantized weights.
    private func quantizers(
        _ placement: QuantizerPlacement, in network: inout Network, _ context: StageContext
    ) -> [any UniformActivationQuantizer] {
        let sites = placement.sites
        let samples = ActivationSamples(
            of: Set(sites.map(\.value)), in: &network,
            on: context.calibrationImages(count: settings.calibrationCount),
            keepsHistograms: calibration.needsHistogram, seed: context.seed,
            threads: context.threads)
        let pixels = ActivationStatistics(of: context.data.train.extremes)
        return [(any UniformActivationQuantizer)?](repeating: nil, count: sites.count)
            .filled(threads: context.threads) { index in
                quantizer(
                    sites[index],
                    sites[index].role == .input ? pixels : samples[sites[index].value])
            }
    }

    private var calibration: any ActivationCalibration {
        settings.activations.calibration.calibration(percentile: settings.activations.percentile)
    }

    /// What layers with weights read has the stage's method; the input and residuals learn steps.
    private func quantizer(
        _ site: QuantizerPlacement.Site, _ statistics: ActivationStatistics
    ) -> any UniformActivationQuantizer {
        let settings = settings.activations
        guard site.role == .layer else { return learnedStep(site, statistics) }
        switch settings.method {
        case .doReFa: return ActivationQuantizer.doReFa(bits: site.bits, rule: settings.rule)
        case .ewgs:
            return EWGSActivationQuantizer(
                bits: site.bits, fitting: statistics.sample, delta: settings.delta,
                rounding: settings.rule.rounding)
        case .pact:
            let positive = statistics.sample.map { max($0, 0) }
            let grid = calibration.grid(
                for: ActivationStatistics(of: positive), bits: site.bits,
                scheme: .unsignedSymmetric)
            return PACTQuantizer(
                bits: site.bits, bound: grid.step * grid.highest, rule: settings.rule)
        case .lsq, .lsqPlus, .llsq, .lgLSQ: return learnedStep(site, statistics)
        }
    }

    private func learnedStep(
        _ site: QuantizerPlacement.Site, _ statistics: ActivationStatistics
    ) -> ActivationQuantizer {
        let settings = settings.activations
        let fitting = ActivationScheme.fitting(
            statistics.extremes, allowsSigned: site.role == .residual)
        let scheme = site.role == .layer ? settings.configuration ?? fitting : fitting
        var quantizer = ActivationQuantizer(
            bits: site.bits, scheme: scheme,
            isLearned: site.role != .input || self.settings.learnsInput,
            sharing: settings.sharing, rule: settings.rule)
        let calibration = calibration(of: site)
        let grid = calibration.grid(for: statistics, bits: site.bits, scheme: scheme)
        let getsExactZero =
            scheme.hasOffset && !self.settings.trains && calibration is any RangeCalibration
        let exact = site.role == .input ? grid.withExactZeroAndEnds : grid.withExactZero
        quantizer.place(on: getsExactZero ? exact : grid)
        return quantizer
    }

    private func calibration(of site: QuantizerPlacement.Site) -> any ActivationCalibration {
        if site.role == .input { return MinMaxCalibration() }
        // Far too wide at 8 bits.
        let isTooWide = settings.activations.calibration == .lsq && site.bits == 8
        return isTooWide ? LeastSquaresCalibration() : calibration
    }
}

extension [(any UniformActivationQuantizer)?] {
    /// Elements made by `make`, on several threads.
    fileprivate func filled(
        threads: Int, _ make: (Int) -> any UniformActivationQuantizer
    ) -> [any UniformActivationQuantizer] {
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
    /// as `batches` of the training hold, in smaller batches where images are large, and augmented as
    /// in the training that the weights are of.
    mutating func reestimateBatchNormalization(
        batches: Int, _ training: TrainingSettings, _ context: StageContext
    ) {
        guard hasBatchNormalization, batches > 0 else { return }
        // 1 GB of activations.
        let batchSize = min(training.batchSize, max(8, (1 << 28) / elementsPerSample))
        reestimateBatchNormalization(
            on: context.data.train, batches: batches * training.batchSize / batchSize,
            batchSize: batchSize, maximalShift: context.augmentation?.maximalShift ?? 0,
            flips: context.augmentation?.flips ?? false, seed: context.seed,
            threads: context.threads)
    }
}

extension String {
    /// What stands before a suffix, or `nil` if it is not there.
    func removing(suffix: String) -> String? {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : nil
    }
}
