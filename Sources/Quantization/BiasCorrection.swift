import Networks
import Tensors

extension Network {
    /// Moves the biases of all layers with weights such that each channel has the mean that it has
    /// in another network: bias correction, in the empirical form (Nagel et al. 2019, arXiv
    /// 1906.04721, §4.2). Rounding weights shifts means; so do the layers before, which are
    /// corrected first.
    ///
    /// Behind a layer that only batch normalization reads it is that one's bias that moves. The
    /// means are of results before activation functions.
    /// - Parameters:
    ///   - reference: the network in floats, with the same names of layers and the same channels.
    ///   - biasBits: of the biases of convolutions that had none.
    ///   - forEachBatch: calls its argument with each batch of images; once for each layer.
    public mutating func correctBiases(
        toMatch reference: Network, biasBits: Int, threads: Int,
        forEachBatch: ((Tensor) -> Void) -> Void
    ) throws(NetworkError) {
        var reference = reference
        let expected = reference.channelMeans(
            of: reference.correctedLayers, threads: threads, forEachBatch: forEachBatch)
        for (layer, normalization) in correctedLayers {
            var part = try Network(
                name: name, inputShape: inputShape,
                nodes: Array(nodes[...(normalization ?? layer)]))
            let found = part.channelMeans(
                of: [(layer, normalization)], threads: threads, forEachBatch: forEachBatch)
            let name = nodes[layer].name
            let errors = zip(expected[name]!, found[name]!).map { $0 - $1 }
            updateLayer(at: normalization ?? layer) {
                $0 = $0.shiftingBias(by: errors, bits: biasBits)
            }
        }
    }

    /// Layers with weights, with the batch normalization that alone reads them.
    private var correctedLayers: [(layer: Int, normalization: Int?)] {
        let readers = readers
        return nodes.indices.filter { nodes[$0].layer.hasWeights }.map { layer in
            guard readers[layer + 1].count == 1 else { return (layer, nil) }
            let reader = readers[layer + 1][0].node
            return (layer, nodes[reader].layer is BatchNormalization ? reader : nil)
        }
    }

    /// The means of each channel before activation functions, by the names of layers.
    private mutating func channelMeans(
        of layers: [(layer: Int, normalization: Int?)], threads: Int,
        forEachBatch: ((Tensor) -> Void) -> Void
    ) -> [String: [Double]] {
        var pass = Pass(isTraining: false, threads: threads)
        var kernels = layers.map { NormalizationKernels(channels: shapes[$0.layer].last!) }
        var sums = layers.map { [Double](repeating: 0, count: shapes[$0.layer].last!) }
        var counts = [Int](repeating: 0, count: layers.count)
        forEachBatch { images in
            _ = forward(images, pass: &pass)
            for (slot, (layer, _)) in layers.enumerated() {
                let results = activation(layer + 1)
                let moments = kernels[slot].moments(of: results, threads: threads)
                for (channel, moment) in moments.enumerated() { sums[slot][channel] += moment.0 }
                counts[slot] += results.count / moments.count
            }
        }
        var means: [String: [Double]] = [:]
        for (slot, (layer, normalization)) in layers.enumerated() {
            let plain = sums[slot].map { $0 / Double(counts[slot]) }
            let normalized = normalization.map { nodes[$0].layer as! BatchNormalization }
            means[nodes[layer].name] = normalized?.normalized(means: plain) ?? plain
        }
        return means
    }
}

extension BatchNormalization {
    /// What evaluation makes of means, before the activation function.
    fileprivate func normalized(means: [Double]) -> [Double] {
        let factors = evaluationFactors
        return means.indices.map {
            factors[$0] * (means[$0] - Double(runningMean[$0])) + Double(bias.effective[$0])
        }
    }
}

extension Layer {
    /// The layer with another bias.
    /// - Parameter bits: of a bias that was not there.
    fileprivate func shiftingBias(by shifts: [Double], bits: Int) -> any Layer {
        if var layer = self as? BatchNormalization {
            layer.bias.shift(by: shifts)
            return layer
        }
        return changing { _, bias in
            if bias.chain.isEmpty { bias.setChain([BiasQuantizer(bits: bits)]) }
            bias.shift(by: shifts)
        }
    }
}

extension Parameter {
    /// Adds to what is computed with, as closely as the rounding of biases allows.
    fileprivate mutating func shift(by shifts: [Double]) {
        for (index, shift) in shifts.enumerated() {
            trained.value[index] = Float(Double(effective[index]) + shift)
        }
        updateEffective()
    }
}
