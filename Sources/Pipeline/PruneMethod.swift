import Foundation
import Networks
import Pruning
import Tensors

/// Prunes by magnitude while training, all at once, in steps or gradually.
struct PruneMethod: StageMethod {
    let settings: PruneSettings

    func prepare(_ network: inout Network, _ context: StageContext) throws {
        try checkNames(network, context)
        // Without training steps there is no step to prune before.
        if context.steps == 0 { prune(&network, share: 1, isLast: true) }
    }

    func finish(_ network: inout Network, _ context: StageContext) {
        network.visitWeights { $1.clearPruned() }
        network.reestimateBatchNormalization(
            batches: settings.batchNormBatches ?? context.usualBatchNormBatches,
            settings.training, context)
    }

    func beforeStep(_ step: Int, _ network: inout Network, _ context: StageContext) {
        let schedule = schedule(context)
        guard schedule.isUpdate(at: step), let share = schedule.sparsity(at: step) else { return }
        let next = step + schedule.interval
        let isLast = schedule.isUpdate(at: next) == false || next >= context.steps
        prune(&network, share: isLast ? 1 : share, isLast: isLast)
    }

    /// When the mask is made anew, and with which share of the final sparsity: the paper's schedules
    /// from 0 to 1, which every layer scales to its own target.
    private func schedule(_ context: StageContext) -> PruningSchedule {
        let ramp = max(1, Int(Float(context.steps) * settings.ramp))
        switch settings.schedule {
        case .oneShot:
            return PruningSchedule(sparsities: [1])
        case .iterative:
            // The density falls by the same factor each time; `density(_:share:)` takes the power.
            let shares = (1...settings.steps).map { Double($0) / Double(settings.steps) }
            return PruningSchedule(sparsities: shares, interval: max(1, ramp / settings.steps))
        case .cubic:
            return .cubic(
                to: 1, interval: settings.interval, count: max(1, ramp / settings.interval))
        }
    }

    /// The density at a share of the way from dense to `final`: iterative rounds each keep the same
    /// share of what is left, `final^share`; a cubic schedule has made the share a sparsity already.
    private func density(_ final: Double, share: Double) -> Double {
        switch settings.schedule {
        case .iterative: exp2(share * log2(max(final, 1e-9)))
        case .oneShot, .cubic: 1 - share * (1 - final)
        }
    }

    private func prune(_ network: inout Network, share: Double, isLast: Bool) {
        let regrows = settings.regrows && !isLast
        let layers = network.weightedLayers
        switch settings.criterion {
        case .density(let densities):
            network.visitWeights { layer, weight in
                let density = density(
                    Double(densities.value(for: layer, among: layers)!), share: share)
                prune(
                    &weight,
                    with: Mask(
                        pruning: score(weight), toSparsity: 1 - density, regrows: regrows))
            }
        case .quality(let qualities):
            network.visitWeights { layer, weight in
                prune(
                    &weight,
                    with: Mask(
                        pruning: score(weight),
                        belowDeviations: share
                            * Double(qualities.value(for: layer, among: layers)!), skipsZeros: true,
                        regrows: regrows))
            }
        case .globalDensity(let final, let allocation, let floor, let dense):
            let isDense = layers.map { layer in
                dense.contains(layer)
                    || layer == layers.first && dense.contains("first")
                    || layer == layers.last && dense.contains("last")
            }
            var masks = masks(
                of: scores(&network), to: Double(final), allocation, share: share,
                floors: isDense.map { $0 ? 1 : Double(floor) }, regrows: regrows)[...]
            network.visitWeights { prune(&$1, with: masks.removeFirst()) }
        }
    }

    /// What a mask of an earlier stage has pruned stays so, unless weights may come back: a schedule
    /// starts from more weights than there are then.
    private func prune(_ weight: inout Parameter, with mask: Mask) {
        let earlier = settings.regrows ? nil : weight.parametrization(Mask.self)
        weight.prune(with: earlier.map(mask.intersection) ?? mask)
    }

    /// The masks of all layers for a density over all of them.
    private func masks(
        of scores: [Tensor], to final: Double, _ allocation: PruneSettings.Allocation,
        share: Double, floors: [Double], regrows: Bool
    ) -> [Mask] {
        let method: LayerAllocation
        switch allocation {
        case .magnitude, .lamp:
            return Mask.masks(
                pruning: scores, toGlobalSparsity: 1 - density(final, share: share),
                by: allocation == .lamp ? .lamp : .magnitude, minimumDensities: floors,
                regrows: regrows)
        case .erk: method = .erdosRenyiKernel
        case .uniform: method = .uniform
        }
        let densities = method.densities(
            of: scores.map(\.shape), to: final, isDense: floors.map { $0 == 1 })
        return scores.indices.map { index in
            let density = density(max(densities[index], floors[index]), share: share)
            return Mask(pruning: scores[index], toSparsity: 1 - density, regrows: regrows)
        }
    }

    private func scores(_ network: inout Network) -> [Tensor] {
        var scores: [Tensor] = []
        network.visitWeights { scores.append(score($1)) }
        return scores
    }

    /// What decides: the effective weights, or what has become of the pruned ones meanwhile; beside
    /// what they take in a file, if that counts.
    private func score(_ weight: Parameter) -> Tensor {
        let value =
            settings.regrows && weight.chain.allSatisfy { $0 is Mask }
            ? weight.trained.value : weight.effective
        return settings.rate == 0
            ? value : value.magnitudes(perBitTo: settings.rate, of: weight.effective)
    }

    private func checkNames(_ network: Network, _ context: StageContext) throws {
        let layers = network.weightedLayers
        switch settings.criterion {
        case .density(let densities):
            _ = try densities.resolved(for: layers, key: "density", context)
        case .quality(let qualities):
            _ = try qualities.resolved(for: layers, key: "quality", context)
        case .globalDensity:
            break
        }
    }
}
