import Conversion
import Networks
import Quantization
import WeightSharing

/// Rounds weights and leaves activations in floats; nothing is trained. Biases get 16 bits.
struct FloatModeMethod: StageMethod {
    let settings: FloatModeSettings

    private static let biasBits = 16

    func prepare(_ network: inout Network, _ context: StageContext) throws {
        let bits = try settings.bits.resolved(
            for: network.weightedLayers, key: "weights.bits", context)
        network = try network.removingActivationQuantizers().separatingFunctions()
        for index in network.nodes.indices where network.nodes[index].hasWeights {
            let isNormalized = network.isNormalized(index)
            let bits = bits[network.nodes[index].name]!
            network.updateLayer(at: index) { layer in
                layer.visitParameters { name, parameter in
                    if name == "weight" {
                        round(&parameter, bits: bits)
                    } else if !isNormalized {
                        parameter.setChain([BiasQuantizer(bits: Self.biasBits)])
                    }
                }
            }
        }
        if settings.mode == .dynamicRange { network = try network.quantizingDynamically() }
    }

    private func round(_ weight: inout Parameter, bits: Int) {
        guard settings.mode == .dynamicRange else { return weight.roundToHalf() }
        weight.removeWeightQuantizer()
        let codebook = weight.parametrization(Codebook.self)
        let values = codebook == nil ? weight.effective : weight.trained.value
        let initialization: StepInitialization = bits == 8 ? .maximum : .leastSquares
        // Centroids stand for weights of all outputs, so they have one step.
        weight.quantize(
            with: settings.isPerChannel && codebook == nil
                ? WeightQuantizer(
                    bits: bits, fittingEachOutputOf: values, initialization: initialization,
                    isNarrow: true)
                : WeightQuantizer(
                    bits: bits, fitting: values,
                    counts: codebook?.memberCounts(centroids: values.count),
                    initialization: initialization, isNarrow: true))
    }

    /// What the file will hold is what is evaluated.
    func finish(_ network: inout Network, _ context: StageContext) throws {
        try network.roundForConversion()
        try network.requireFiniteWeights()
    }
}
