import Networks
import Tensors

extension Network {
    /// Throws if a weight or a running statistic is infinite or not a number.
    func requireFinite() throws(ONNXProblem) {
        var tensors: [(name: String, tensor: Tensor)] = []
        forEachParameter { tensors.append(($0, $1.trained.value)) }
        for node in nodes {
            guard let layer = node.layer as? BatchNormalization else { continue }
            tensors.append(("\(node.name).running_mean", layer.runningMean))
            tensors.append(("\(node.name).running_var", layer.runningVariance))
        }
        for (name, tensor) in tensors {
            guard let index = tensor.firstNotFinite else { continue }
            throw .unfit(
                what: "element \(index) of '\(name)'", found: "\(tensor[index])",
                expected: "a finite number")
        }
    }
}
