import Networks
import Quantization
import Tensors
import Training

/// Bits of weights by layer under a budget.
extension QuantizeMethod {
    /// Images on which layers are compared, at most.
    private static let imageCount = 256

    /// The bits of each layer: those that are given, and for the others the choice that changes the
    /// network's outputs the least within the budget.
    func allocatedBits(
        _ budget: QuantizeSettings.Budget, _ network: Network, _ context: StageContext
    ) -> [String: Int] {
        var network = network
        let names = network.weightedLayers
        let batch = batch(context)
        let outputs = network.outputs(batch, threads: context.threads)
        var layers: [BitAllocation.Layer] = []
        for name in names {
            let given = settings.weights.bits.value(for: name, among: names)
            var layer = BitAllocation.Layer(weights: 0, errors: [:])
            network.visitWeights { if $0 == name { layer.weights = $1.keptCount } }
            for bits in given.map({ [$0] }) ?? budget.choices {
                var changed = network
                if given == nil {
                    changed.visitWeights { if $0 == name { quantize(&$1, bits: bits) } }
                }
                let found = changed.outputs(batch, threads: context.threads)
                layer.errors[bits] = zip(found.elements, outputs.elements).reduce(0) {
                    $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1)
                }
            }
            layers.append(layer)
        }
        let allocation = BitAllocation(layers, budget: Double(budget.mean))
        return Dictionary(uniqueKeysWithValues: zip(names, allocation.bits))
    }

    private func batch(_ context: StageContext) -> Tensor {
        let data = context.data.train
        let count = min(Self.imageCount, settings.calibrationCount, data.count)
        let loader = BatchLoader(
            data, batchSize: count, maximalShift: 0, seed: context.seed, epoch: 0,
            isBackground: false)
        var batch = Batch()
        loader.next(&batch)
        return batch.images
    }
}

extension Network {
    fileprivate mutating func outputs(_ images: Tensor, threads: Int) -> Tensor {
        var pass = Pass(isTraining: false, threads: threads)
        return forward(images, pass: &pass)
    }
}
