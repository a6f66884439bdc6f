import Foundation
import Tensors

extension Network {
    /// Weights from a normal distribution of variance `2 / fan-in` (He et al. 2015, eq. 10), biases 0.
    public mutating func initialize(using generator: inout SeededGenerator) {
        visitParameters { name, parameter in
            let shape = parameter.trained.value.shape
            guard shape.count > 1 else { return }
            let fanIn = shape.dropLast().reduce(1, *)
            let deviation = (2 / Float(fanIn)).squareRoot()
            parameter.trained.value.withUnsafeMutableElements { elements in
                for index in elements.indices { elements[index] = generator.normal() * deviation }
            }
        }
    }

    /// Weights from normal distributions, biases 0, and γ of 1, in parallel.
    ///
    /// The variance is `2 / fan-in`, or `2 / fan-out` where batch normalization follows (He et al. 2015,
    /// eq. 10 and 14; torchvision's choice for its ResNets), and `1 / (3 · fan-in)` in the last layer,
    /// which is that of PyTorch's own uniform distribution. The fan-out of a group is its own.
    mutating func initializeInParallel(using generator: inout SeededGenerator) {
        let threads = ProcessInfo.processInfo.activeProcessorCount
        for index in nodes.indices {
            let isLast = index == nodes.count - 1
            guard let deviation = Self.deviation(of: nodes[index].layer, isLast: isLast) else {
                continue
            }
            let seed = generator.next()
            updateLayer(at: index) { layer in
                layer.visitParameters { name, parameter in
                    guard name == "weight" else { return }
                    parameter.trained.value.fill(
                        withDeviation: deviation, seed: seed, threads: threads)
                }
            }
        }
    }

    /// Of a layer's weights, or `nil` where they do not start at random.
    private static func deviation(of layer: any Layer, isLast: Bool) -> Float? {
        switch layer {
        case let layer as Linear:
            (isLast ? 1 / Float(3 * layer.inputs) : 2 / Float(layer.inputs)).squareRoot()
        case let layer as Convolution:
            layer.geometry.deviation(isNormalized: layer.bias == nil)
        default: nil
        }
    }
}

extension ConvolutionGeometry {
    fileprivate func deviation(isNormalized: Bool) -> Float {
        let fan = kernel[0] * kernel[1] * (isNormalized ? outputs : channels) / groups
        return (2 / Float(fan)).squareRoot()
    }
}
