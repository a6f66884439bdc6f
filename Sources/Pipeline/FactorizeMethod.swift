import Networks
import Tensors

/// Replaces layers by products of two smaller ones, then trains the factors.
struct FactorizeMethod: StageMethod {
    let settings: FactorizeSettings

    func prepare(_ network: Network, _ context: StageContext) throws -> Network {
        let layers = network.weightedLayers
        var ranks: [String: Factorization.Rank] = [:]
        for (name, rank) in settings.layers {
            ranks[name == "first" ? layers.first! : name == "last" ? layers.last! : name] = rank
        }
        return try network.factorized(ranks, threads: context.threads)
    }
}
