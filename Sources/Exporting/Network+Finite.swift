import Networks
import Quantization
import Tensors

extension Network {
    /// Throws if weights, biases, statistics, steps or offsets are infinite or not numbers, as they are
    /// where a training has diverged. What layers compute with has to be up to date.
    func requireFinite() throws(ONNXExportError) {
        for node in nodes where !node.layer.isFinite { throw .notFinite(layer: node.name) }
    }
}

extension Layer {
    fileprivate var isFinite: Bool {
        var (layer, isFinite) = (self, true)
        layer.visitParameters { _, parameter in
            let steps = parameter.weightQuantizer?.steps(for: parameter.trained.value) ?? []
            isFinite = isFinite && parameter.effective.isFinite && steps.allSatisfy(\.isFinite)
        }
        switch layer {
        case let layer as BatchNormalization:
            return isFinite && layer.runningMean.isFinite && layer.runningVariance.isFinite
        case let layer as any UniformActivationQuantizer:
            return isFinite && layer.grid.step.isFinite && layer.grid.offset.isFinite
        default: return isFinite
        }
    }
}

extension Tensor {
    fileprivate var isFinite: Bool { withUnsafeElements { $0.allSatisfy(\.isFinite) } }
}
