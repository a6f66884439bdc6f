import Networks
import Tensors

/// Replaces layers by products of two smaller ones, then trains the factors.
struct FactorizeMethod: StageMethod {
    let settings: FactorizeSettings

    func prepare(_ network: inout Network, _ context: StageContext) throws {
        let ranks = try settings.ranks(for: network.weightedLayers, of: network)
        let matrices = network.factorizableLayers
        network = try network.factorized(ranks, threads: context.threads)
        // How many values hold an energy is not known before.
        for (name, matrix) in matrices.sorted(by: { $0.key < $1.key }) where ranks[name] != nil {
            guard let rank = network.factorizableLayers["\(name).a"]?.columns,
                !matrix.isMadeSmaller(by: .rank(rank))
            else { continue }
            context.say(
                "warning: \(name) grows: \(rank) singular values hold the energy, and "
                    + "\(matrix.largestRank) at most make it smaller")
        }
    }
}
