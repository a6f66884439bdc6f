import Networks
import Tensors
import WeightSharing

/// Shares the surviving weights of each layer by k-means; training then moves the centroids.
struct ShareMethod: StageMethod {
    let settings: ShareSettings

    func prepare(_ network: inout Network, _ context: StageContext) throws {
        let bits = try settings.bits.resolved(
            for: network.weightedLayers, key: "bits", context)
        var layerNumber: UInt64 = 0
        network.visitWeights { layer, weight in
            layerNumber += 1
            let means = KMeans(
                initialization: initialization(
                    seed: SeededGenerator(seed: context.seed, stream: 1000 + layerNumber).state.0),
                maximumIterations: settings.iterations)
            weight.share(
                means.clusters(
                    of: weight.effective, count: Codebook.centroids(forBits: bits[layer]!)))
        }
    }

    func finish(_ network: inout Network, _ context: StageContext) {
        network.reestimateBatchNormalization(
            batches: settings.batchNormBatches ?? context.usualBatchNormBatches,
            settings.training, context)
    }

    private func initialization(seed: UInt64) -> KMeans.Initialization {
        switch settings.initialization {
        case .linear: .linear
        case .density: .density
        case .random: .random(seed: seed)
        }
    }
}
