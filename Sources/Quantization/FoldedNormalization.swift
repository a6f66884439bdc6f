import Networks
import Tensors

extension Network {
    /// The same network with batch normalization folded into the layers before it, in evaluation:
    /// `w · f` and `(b − μ) · f + β` with `f = γ / √(σ² + ε)`. Its activation function becomes a
    /// layer.
    /// - Parameter names: of convolutions and linear layers whose results only a batch
    ///   normalization reads and whose weights are scalable; others stay as they are.
    public func foldingNormalization(behind names: Set<String>) throws(NetworkError) -> Network {
        let readers = readers
        var folded: [String: BatchNormalization] = [:]
        var functions: [String: ActivationFunction] = [:]
        for (index, node) in nodes.enumerated() where names.contains(node.name) {
            guard node.layer.weightParameter?.isScalable == true, readers[index + 1].count == 1
            else { continue }
            let reader = nodes[readers[index + 1][0].node]
            guard let normalization = reader.layer as? BatchNormalization else { continue }
            folded[node.name] = normalization
            functions[reader.name] = normalization.activation
        }
        return try replacing { node in
            if let normalization = folded[node.name] {
                return [(node.name, node.layer.folding(normalization))]
            }
            return functions[node.name].map {
                $0 == .identity ? [] : [(node.name, Activation($0))]
            }
        }
    }
}

extension Layer {
    /// The weights of a convolution or a linear layer.
    var weightParameter: Parameter? {
        switch self {
        case let layer as Convolution: layer.weight
        case let layer as Linear: layer.weight
        default: nil
        }
    }

    /// Changes the weights `[..., inputs of a group, outputs]` and the bias of a convolution or a
    /// linear layer. A convolution without a bias gets one if it is not zero.
    func changing(_ change: (inout Parameter, inout Parameter) -> Void) -> any Layer {
        switch self {
        case var layer as Convolution:
            var bias =
                layer.bias ?? Parameter(Tensor(shape: [layer.geometry.outputs]), decays: false)
            change(&layer.weight, &bias)
            let isNeeded = layer.bias != nil || bias.trained.value.elements.contains { $0 != 0 }
            layer.bias = isNeeded ? bias : nil
            return layer
        case var layer as Linear:
            change(&layer.weight, &layer.bias)
            return layer
        default: return self
        }
    }

    fileprivate func folding(_ normalization: BatchNormalization) -> any Layer {
        let factors = normalization.evaluationFactors
        return changing { weight, bias in
            weight.scale { factors[$0 % factors.count] }
            for output in factors.indices {
                let mean = Double(normalization.runningMean[output])
                let shifted = (Double(bias.trained.value[output]) - mean) * factors[output]
                bias.trained.value[output] =
                    Float(shifted + Double(normalization.bias.effective[output]))
            }
            bias.updateEffective()
        }
    }
}

extension BatchNormalization {
    /// `[channels]`: what evaluation multiplies by, `γ / √(σ² + ε)`, in the same operations.
    package var evaluationFactors: [Double] {
        (0..<channels).map {
            Double(weight.effective[$0]) / Double(runningVariance[$0] + epsilon).squareRoot()
        }
    }
}

extension Parameter {
    /// Whether each weight is trained by itself, or pruned: then outputs and inputs can be scaled.
    /// Shared weights can not.
    var isScalable: Bool {
        guard effective.shape == trained.value.shape else { return false }
        return effective.withUnsafeElements { effective in
            trained.value.withUnsafeElements { trained in
                zip(effective, trained).allSatisfy { $0 == $1 || $0 == 0 }
            }
        }
    }

    /// Multiplies each weight by a factor.
    /// - Parameter factor: is given the place of the weight in the tensor.
    mutating func scale(_ factor: (Int) -> Double) {
        trained.value.withUnsafeMutableElements { elements in
            for index in elements.indices {
                elements[index] = Float(Double(elements[index]) * factor(index))
            }
        }
        updateEffective()
    }
}
