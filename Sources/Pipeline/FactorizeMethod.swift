import Networks
import Tensors

/// Replaces layers by products of two smaller ones, then trains the factors.
struct FactorizeMethod: StageMethod {
    let settings: FactorizeSettings

    func prepare(_ network: inout Network, _ context: StageContext) throws {
        let names = network.weightedLayers.resolving(settings.layers.map(\.name))
        let ranks = Dictionary(
            zip(names, settings.layers.map(\.rank)), uniquingKeysWith: { first, _ in first })
        network = try network.factorized(ranks, threads: context.threads)
    }
}
