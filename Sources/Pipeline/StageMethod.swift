import Networks
import Training

/// What a stage does to a network, around the training that all stages share.
protocol StageMethod {
    /// Makes of the network before the stage the one that is trained, in its place: a second one in
    /// memory would cost as much again.
    func prepare(_ network: inout Network, _ context: StageContext) throws
    /// Called before each training step.
    func beforeStep(_ step: Int, _ network: inout Network, _ context: StageContext)
    /// Called when all gradients of a training step are there, to change them.
    func afterBackward(_ step: Int, _ network: inout Network, _ context: StageContext)
    /// Called once after the last training step, before the network is evaluated.
    func finish(_ network: inout Network, _ context: StageContext) throws
}

extension StageMethod {
    func prepare(_ network: inout Network, _ context: StageContext) throws {}
    func beforeStep(_ step: Int, _ network: inout Network, _ context: StageContext) {}
    func afterBackward(_ step: Int, _ network: inout Network, _ context: StageContext) {}
    func finish(_ network: inout Network, _ context: StageContext) throws {}
}

/// What stages are given besides the network.
struct StageContext {
    var data: PipelineData
    var seed: UInt64
    var threads: Int
    /// Training steps of the stage.
    var steps: Int
    /// Of images in the latest training, in this stage or one before it; `nil` for a network that came
    /// trained.
    var augmentation: (maximalShift: Int, flips: Bool)?
    /// The pipeline file, for errors about layer names.
    var place: String
    var stage: String
    /// Tells the user something.
    var say: (String) -> Void = { _ in }

    /// Training images to calibrate a network on.
    func calibrationImages(count: Int) -> CalibrationImages {
        CalibrationImages(data.train, count: count, seed: seed)
    }

    /// From how many training batches the statistics of batch normalization are made anew. Those of a
    /// network that came trained are kept: nobody knows here what its images looked like in training,
    /// and statistics of others can cost more than those of the changed weights gain.
    var usualBatchNormBatches: Int { augmentation == nil ? 0 : 20 }

    /// The share of the training that is done before a step.
    func progress(_ step: Int) -> Float { Float(step) / Float(max(steps, 1)) }
}

/// Training as such: the network is what it was.
struct TrainMethod: StageMethod {}

extension Network {
    /// Whether batch normalization behind node `index` takes its bias in when it is folded: nothing else
    /// reads the node then.
    func isNormalized(_ index: Int) -> Bool {
        let readers = readers[index + 1]
        return readers.count == 1 && nodes[readers[0].node].layer is BatchNormalization
    }

    /// The names of the layers that have weights, in order.
    var weightedLayers: [String] { nodes.filter(\.hasWeights).map(\.name) }

    /// Visits the weights of convolutions and linear layers, not biases nor batch normalization, by
    /// layer name.
    mutating func visitWeights(_ visit: (String, inout Parameter) -> Void) {
        let layers = Set(nodes.filter(\.hasWeights).map(\.name))
        visitParameters { name, parameter in
            guard let layer = name.removing(suffix: ".weight"), layers.contains(layer) else {
                return
            }
            visit(layer, &parameter)
        }
    }
}

extension PerLayer {
    /// The value of one layer; `first` and `last` stand for those layers.
    func value(for layer: String, among layers: [String]) -> Value? {
        let end = layer == layers.first ? "first" : layer == layers.last ? "last" : ""
        return values[layer] ?? values[end] ?? fallback
    }

    /// The value of every layer of a network.
    /// - Throws: `PipelineError` for a layer without a value.
    func resolved(
        for layers: [String], key: String, _ context: StageContext
    ) throws(PipelineError) -> [String: Value] {
        var result: [String: Value] = [:]
        for layer in layers {
            guard let value = value(for: layer, among: layers) else {
                throw .layerWithoutValue(
                    file: context.place, stage: context.stage, key: key, layer: layer)
            }
            result[layer] = value
        }
        return result
    }
}
