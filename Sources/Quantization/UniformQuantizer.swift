import Networks
import Tensors

/// A function from weights to whole multiples of a step, which conversion can put into integers.
public protocol UniformWeightQuantizer: Parametrization {
    /// Of the codes that it has.
    var bits: Int { get }

    /// The steps of which the effective weights are whole multiples, within `Int8`: `[1]`, or
    /// `[outputs]` for weights `[..., outputs]`; positive.
    /// - Parameter value: what is trained.
    func steps(for value: Tensor) -> [Float]

    /// Tells it the share of the training that is done.
    mutating func follow(progress: Float)
}

extension UniformWeightQuantizer {
    public mutating func follow(progress: Float) {}
}

/// A layer that rounds activations to a uniform grid, which conversion can put into integers.
/// Training and evaluation compute the same.
public protocol UniformActivationQuantizer: Layer {
    var bits: Int { get }
    var isSigned: Bool { get }
    /// The grid of the present step and offset.
    var grid: UniformGrid { get }

    /// Tells it the share of the training that is done.
    mutating func follow(progress: Float)
}

extension UniformActivationQuantizer {
    public mutating func follow(progress: Float) {}

    public func outputShape(of inputs: [[Int]]) throws(ShapeError) -> [Int] {
        guard inputs.count == 1 else {
            throw .unfit(layer: Self.kind, found: inputs, expected: "one input")
        }
        return inputs[0]
    }

    /// The value of the code that stands for real zero, also behind another quantizer: padding is
    /// quantized like everything else.
    public func paddingValue(behind value: Float) -> Float {
        var result = Tensor(shape: [1])
        grid.fakeQuantize(Tensor(shape: [1]), into: &result)
        return result[0]
    }

    public func forward(_ inputs: [Tensor], into output: inout Tensor, pass: inout Pass) {
        grid.fakeQuantize(inputs[0], into: &output, threads: pass.threads)
    }
}

extension Parameter {
    /// The quantizer of its weights, whatever its kind.
    public var weightQuantizer: (any UniformWeightQuantizer)? {
        for element in chain {
            if let found = element as? any UniformWeightQuantizer { return found }
        }
        return nil
    }

    /// Puts a weight quantizer first in the chain, in place of one that is there.
    public mutating func quantize(with quantizer: some UniformWeightQuantizer) {
        setChain([quantizer] + chain.filter { !($0 is any UniformWeightQuantizer) })
    }

    /// Takes the weight quantizer away, also one to half precision.
    public mutating func removeWeightQuantizer() {
        setChain(chain.filter { !($0 is any UniformWeightQuantizer || $0 is HalfRounding) })
    }
}

extension Network {
    /// Tells all quantizers the share of the training that is done, by which their schedules go.
    public mutating func followTraining(progress: Float) {
        for index in nodes.indices {
            updateLayer(at: index) { layer in
                if var quantizer = layer as? any UniformActivationQuantizer {
                    quantizer.follow(progress: progress)
                    layer = quantizer
                }
                layer.visitParameters { _, parameter in
                    parameter.updateChain { element in
                        if var quantizer = element as? any UniformWeightQuantizer {
                            quantizer.follow(progress: progress)
                            element = quantizer
                        }
                    }
                }
            }
        }
    }
}
