import Networks
import Quantization
import Tensors

/// What makes good for the lack of training (Nagel et al. 2019, arXiv 1906.04721).
extension QuantizeMethod {
    func equalize(_ network: inout Network, _ context: StageContext) throws {
        // Grids and biases of an earlier stage are no bound for the new ones.
        network.visitWeights { $1.removeWeightQuantizer() }
        network.removeBiasQuantizers()
        let equalization = try Equalization(network)
        network = equalization.network
        let exceptions = equalization.exceptions.map(\.description)
        context.say(
            "\(context.stage): equalized the channels between \(equalization.pairs.count) pairs of "
                + "layers"
                + (exceptions.isEmpty
                    ? "" : "; left as they are: \(exceptions.joined(separator: ", "))"))
    }

    /// - Parameter reference: the network before its weights were rounded.
    func correctBiases(
        _ network: inout Network, _ reference: Network, _ context: StageContext
    ) throws {
        reestimate(&network, context)
        let images = context.calibrationImages(count: settings.calibrationCount)
        try network.correctBiases(
            toMatch: reference, biasBits: settings.biasBits, threads: context.threads
        ) { images.forEachBatch(for: reference, $0) }
    }
}

extension Network {
    fileprivate mutating func removeBiasQuantizers() {
        visitParameters { _, parameter in
            if parameter.parametrization(BiasQuantizer.self) != nil { parameter.setChain([]) }
        }
    }
}
