import Foundation
import Networks
import Tensors

/// A fake-quantized network without the roundings of `Float`: what it computes on paper.
///
/// The forward pass of training rounds every sum, so a value next to the border between two codes may
/// fall on either side; another order of the sums, as another CPU has it, gives other codes. Where
/// activations have 4 bits and a network is deep, one such code changes many of those behind it.
/// Here layers add up whole numbers, which `Float` does exactly below 2²⁴, everything between them and the
/// next quantizer is in `Double`, and no code hangs on the order of a sum. (Real values that are moved
/// before they are rounded, as by max pooling, go through `Float` once.)
///
/// It is slower than the forward pass, has no backward pass, and is what the engine has to agree with.
public struct ExactNetwork: Sendable {
    private let network: Network
    /// The layers with weights, by their nodes.
    private let layers: [Int: ExactLayer]

    /// - Returns: `nil` for weights without a quantizer, and for more than a million of one output,
    ///   whose sums are too long for any split.
    public init?(_ network: Network) {
        var network = network
        network.updateEffective()
        var layers: [Int: ExactLayer] = [:]
        for (index, node) in network.nodes.enumerated() {
            guard node.layer is Linear || node.layer is Convolution else { continue }
            guard let layer = ExactLayer(node.layer) else { return nil }
            layers[index] = layer
        }
        self.network = network
        self.layers = layers
    }

    /// What a forward pass keeps of one sample.
    public var elementsPerSample: Int { network.elementsPerSample }

    /// The outputs for a batch `[batch, ...inputShape]`, one sample after the other.
    ///
    /// Layers, products, means and concatenations have to read quantized values.
    public func outputs(for x: Tensor) -> [Double] {
        var values: [ExactValue?] = [.input(x)]
        let readers = network.readers
        var left = readers.map(\.count)
        left[network.nodes.count] += 1
        for (index, node) in network.nodes.enumerated() {
            let inputs = node.inputs.map { values[$0]! }
            for source in node.inputs {
                left[source] -= 1
                if left[source] == 0 { values[source] = nil }
            }
            let shape = [x.shape[0]] + network.shapes[index]
            values.append(value(of: index, inputs, shape: shape))
        }
        return values[network.nodes.count]!.reals
    }

    private func value(of index: Int, _ inputs: [ExactValue], shape: [Int]) -> ExactValue {
        let channels = shape.last!
        switch network.nodes[index].layer {
        case is Linear, is Convolution:
            return .real(layers[index]!.outputs(for: inputs[0], shape: shape))
        case let quantizer as any UniformActivationQuantizer:
            return quantizer.grid.exactCodes(of: inputs[0], shape: shape)
        case let layer as BatchNormalization:
            var values = inputs[0].reals
            let factors = layer.evaluationFactors
            values.scaleAndShift(
                by: factors,
                (0..<channels).map {
                    Double(layer.bias.effective[$0]) - Double(layer.runningMean[$0]) * factors[$0]
                })
            values.apply(layer.activation)
            return .real(values)
        case let layer as Activation where layer.function == .identity:
            return inputs[0]
        case let layer as Activation:
            var values = inputs[0].reals
            values.apply(layer.function)
            return .real(values)
        case let layer as Add:
            var values = inputs[0].reals
            values.combine(with: inputs[1].reals, +)
            values.apply(layer.activation)
            return .real(values)
        case is Multiply:
            return .real(inputs[0].gated(by: inputs[1], shape: shape))
        case is Concatenation:
            let widths = inputs.map { $0.shape!.last! }
            return .real(
                [Double](concatenating: inputs.map(\.reals), widths: widths))
        case let layer as AveragePooling:
            let positions = layer.kernel[0] * layer.kernel[1]
            return .real(inputs[0].means(of: positions) { moved($0, by: layer, to: shape) })
        case let layer as GlobalAveragePooling:
            let source = inputs[0].shape!
            return .real(
                inputs[0].means(of: source[1] * source[2]) { moved($0, by: layer, to: shape) })
        case is Dropout:
            return inputs[0]
        case let layer as Softmax:
            let logits = Tensor(shape: shape, elements: inputs[0].reals.map(Float.init))
            return .real(
                moved(logits, by: layer, to: shape).withUnsafeElements { $0.map(Double.init) })
        case let layer:
            return inputs[0].moved(shape: [shape[0]] + self.shape(of: index)) {
                moved($0, by: layer, to: shape)
            }
        }
    }

    /// The sample shape of what node `index` reads first.
    private func shape(of index: Int) -> [Int] {
        let source = network.nodes[index].inputs[0]
        return source == 0 ? network.inputShape : network.shapes[source - 1]
    }

    private func moved(_ x: Tensor, by layer: any Layer, to shape: [Int]) -> Tensor {
        var layer = layer
        return layer.evaluated(x, shape: shape)
    }
}

extension Layer {
    /// The layer's forward pass on one input.
    fileprivate mutating func evaluated(_ x: Tensor, shape: [Int]) -> Tensor {
        var result = Tensor(shape: shape)
        var pass = Pass(isTraining: false)
        forward([x], into: &result, pass: &pass)
        return result
    }
}

// MARK: Values

/// A batch of values of one node.
private enum ExactValue: Sendable {
    /// The network's input.
    case input(Tensor)
    /// `step · codes + zero`, with the codes counted from the one of real zero, which padding carries.
    case codes(Tensor, step: Double, zero: Double)
    case real([Double])

    /// With the batch in front; `nil` for real values.
    var shape: [Int]? {
        switch self {
        case .input(let tensor), .codes(let tensor, _, _): tensor.shape
        case .real: nil
        }
    }

    var reals: [Double] {
        switch self {
        case .real(let values): values
        case .input(let tensor): tensor.withUnsafeElements { $0.map(Double.init) }
        case .codes(let codes, let step, let zero):
            codes.withUnsafeElements { $0.map { step * Double($0) + zero } }
        }
    }

    /// What a layer that only moves values makes of them. Real ones are rounded to `Float` for it.
    func moved(shape: [Int], by move: (Tensor) -> Tensor) -> ExactValue {
        switch self {
        case .input(let tensor): .input(move(tensor))
        case .codes(let codes, let step, let zero): .codes(move(codes), step: step, zero: zero)
        case .real(let values):
            .real(
                move(Tensor(shape: shape, elements: values.map(Float.init)))
                    .withUnsafeElements { $0.map(Double.init) })
        }
    }

    /// Means of codes, each of `count`: the sums are whole numbers, so a mean in `Float` says them.
    func means(of count: Int, by means: (Tensor) -> Tensor) -> [Double] {
        guard case .codes(let codes, let step, let zero) = self else {
            preconditionFailure("a mean reads values that are not quantized")
        }
        return means(codes).withUnsafeElements {
            $0.map { step * (Double($0) * Double(count)).rounded() / Double(count) + zero }
        }
    }

    /// Products with values of the same shape `[batch, height, width, channels]`, or one a channel.
    func gated(by gate: ExactValue, shape: [Int]) -> [Double] {
        var values = reals
        let gates = gate.reals
        if gates.count == values.count {
            values.combine(with: gates, *)
        } else {
            let (channels, sample) = (shape[3], values.count / shape[0])
            for place in values.indices {
                values[place] *= gates[place / sample * channels + place % channels]
            }
        }
        return values
    }
}

extension UniformGrid {
    /// The codes of values, with what they are worth.
    fileprivate func exactCodes(of value: ExactValue, shape: [Int]) -> ExactValue {
        let zeroCode = Float(codes(of: Tensor(shape: [1]))[0])
        var result = Tensor(shape: shape)
        result.withUnsafeMutableElements { result in
            if case .input(let tensor) = value {
                // The first rounding is the same as in training: pixels are few and lie on no border.
                for (place, code) in codes(of: tensor).enumerated() {
                    result[place] = Float(code) - zeroCode
                }
                return
            }
            let (step, offset) = (Double(step), Double(offset))
            let (lowest, highest) = (Double(lowest), Double(highest))
            value.reals.withUnsafeBufferPointer { values in
                for place in values.indices {
                    let code = min(max((values[place] - offset) / step, lowest), highest)
                    result[place] = Float(code.roundedToEven) - zeroCode
                }
            }
        }
        return .codes(
            result, step: Double(step), zero: Double(step) * Double(zeroCode) + Double(offset))
    }
}

extension Double {
    /// The nearest whole number of one below 2⁵¹, ties to even: two additions, where CPUs without
    /// SSE4.1 have no instruction for it.
    fileprivate var roundedToEven: Double { (self + 0x1.8p52) - 0x1.8p52 }
}

// MARK: Layers

/// A linear layer or a convolution on whole numbers.
private struct ExactLayer: Sendable {
    /// With integer weights and no bias.
    private let layer: any Layer
    /// The same with the weights' sixteens and with what is left of them, for sums beyond `Float`.
    private let parts: [any Layer]
    /// The largest sum of magnitudes of an output's weights in one of the parts.
    private let largestPartSum: Double
    /// `[1]` or `[outputs]`
    private let steps: [Double]
    /// `[outputs]`: the sum of the integer weights.
    private let weightSums: [Double]
    /// The largest sum of magnitudes of an output's weights.
    private let largestSum: Double
    /// `[outputs]`
    private let bias: [Double]

    init?(_ layer: any Layer) {
        let weight: Parameter
        switch layer {
        case let linear as Linear: (weight, bias) = (linear.weight, linear.bias.exactBiases)
        case let convolution as Convolution:
            weight = convolution.weight
            bias =
                convolution.bias?.exactBiases
                ?? [Double](repeating: 0, count: convolution.geometry.outputs)
        default: return nil
        }
        guard let weights = ExactWeights(weight) else { return nil }
        (steps, weightSums, largestSum) = (weights.steps, weights.sums, weights.largestSum)
        self.layer = layer.withWeights(weights.integers)
        let split = weights.integers.split(by: 16)
        parts = [layer.withWeights(split.multiples), layer.withWeights(split.rests)]
        largestPartSum = max(
            split.multiples.largestSumOfMagnitudes, split.rests.largestSumOfMagnitudes)
        guard largestPartSum <= 0x1p24 else { return nil }
    }

    func outputs(for input: ExactValue, shape: [Int]) -> [Double] {
        guard case .codes(let codes, let step, let zero) = input else {
            preconditionFailure("a layer reads values that are not quantized")
        }
        var result = sums(of: codes, shape)
        let weightSteps = bias.indices.map { steps[$0 % steps.count] }
        result.scaleAndShift(
            by: weightSteps.map { step * $0 },
            bias.indices.map { zero * weightSteps[$0] * weightSums[$0] + bias[$0] })
        return result
    }

    /// Exact: `Float` holds all whole numbers up to 2²⁴. Longer sums are made of those with parts of
    /// the weights, and if these are too long, too, with parts of the codes.
    private func sums(of codes: Tensor, _ shape: [Int]) -> [Double] {
        let largest = codes.withUnsafeElements { $0.reduce(0) { max($0, abs($1)) } }
        if largestSum * Double(largest) <= 0x1p24 { return sums(layer, of: codes, shape) }
        if largestPartSum * Double(largest) <= 0x1p24 {
            var result = sums(parts[0], of: codes, shape)
            result.combine(with: sums(parts[1], of: codes, shape)) { 16 * $0 + $1 }
            return result
        }
        let factor = largest.squareRoot().rounded(.up)
        let split = codes.split(by: factor)
        var result = sums(of: split.multiples, shape)
        result.combine(with: sums(of: split.rests, shape)) { Double(factor) * $0 + $1 }
        return result
    }

    private func sums(_ layer: any Layer, of codes: Tensor, _ shape: [Int]) -> [Double] {
        var layer = layer
        return layer.evaluated(codes, shape: shape).withUnsafeElements { $0.map(Double.init) }
    }
}

extension Layer {
    /// A linear layer or a convolution with other weights and no bias.
    fileprivate func withWeights(_ weights: Tensor) -> any Layer {
        switch self {
        case var linear as Linear:
            linear.weight = Parameter(weights, decays: false)
            linear.bias = Parameter(Tensor(shape: [linear.outputs]), decays: false)
            return linear
        case let convolution as Convolution:
            var convolution = convolution.summingDirectly
            convolution.weight = Parameter(weights, decays: false)
            convolution.bias = nil
            return convolution
        default: return self
        }
    }
}

extension Tensor {
    /// Whole numbers as `factor · multiples + rests`, none of which is larger in magnitude than the
    /// number or than `factor`.
    fileprivate func split(by factor: Float) -> (multiples: Tensor, rests: Tensor) {
        let multiples = mapped { ($0 / factor).rounded(.towardZero) }
        let rests = mapped { $0 - factor * ($0 / factor).rounded(.towardZero) }
        return (multiples, rests)
    }

    private func mapped(_ function: (Float) -> Float) -> Tensor {
        Tensor(shape: shape, elements: withUnsafeElements { $0.map(function) })
    }

    /// Over the elements of one output of weights `[..., outputs]`.
    fileprivate var largestSumOfMagnitudes: Double {
        let outputs = shape.last!
        var sums = [Double](repeating: 0, count: outputs)
        withUnsafeElements { values in
            for place in values.indices { sums[place % outputs] += Double(abs(values[place])) }
        }
        return sums.max() ?? 0
    }
}

/// Weights `[..., outputs]` in multiples of their steps.
private struct ExactWeights {
    let integers: Tensor
    /// `[1]` or `[outputs]`
    let steps: [Double]
    /// `[outputs]`
    let sums: [Double]
    /// Of an output's magnitudes.
    let largestSum: Double

    init?(_ weight: Parameter) {
        guard let quantizer = weight.weightQuantizer else { return nil }
        let steps = quantizer.steps(for: weight.trained.value)
        let values = weight.effective
        let outputs = values.shape.last!
        var integers = Tensor(shape: values.shape)
        var sums = [Double](repeating: 0, count: outputs)
        values.withUnsafeElements { values in
            integers.withUnsafeMutableElements { integers in
                for place in values.indices {
                    let step = steps[place % outputs % steps.count]
                    let integer = (values[place] / step).rounded(.toNearestOrEven)
                    integers[place] = integer
                    sums[place % outputs] += Double(integer)
                }
            }
        }
        self.integers = integers
        self.steps = steps.map(Double.init)
        self.sums = sums
        largestSum = integers.largestSumOfMagnitudes
    }
}

extension Parameter {
    /// Biases on their grid, if they have one.
    fileprivate var exactBiases: [Double] {
        guard let quantizer = parametrization(BiasQuantizer.self) else {
            return effective.elements.map(Double.init)
        }
        let (step, codes) = quantizer.codes(of: trained.value)
        return codes.map { Double(step) * Double($0) }
    }
}

// MARK: Arrays

extension [Double] {
    /// Multiplies and adds a number for each channel, the channels being the last dimension.
    fileprivate mutating func scaleAndShift(by factors: [Double], _ constants: [Double]) {
        let channels = factors.count
        withUnsafeMutableBufferPointer { values in
            factors.withUnsafeBufferPointer { factors in
                constants.withUnsafeBufferPointer { constants in
                    for row in stride(from: 0, to: values.count, by: channels) {
                        for channel in 0..<channels {
                            let place = row + channel
                            values[place] = values[place] * factors[channel] + constants[channel]
                        }
                    }
                }
            }
        }
    }

    fileprivate mutating func combine(
        with others: [Double], _ operation: (Double, Double) -> Double
    ) {
        precondition(others.count == count)
        for place in indices { self[place] = operation(self[place], others[place]) }
    }

    /// Values of so many channels each behind each other, at every place.
    fileprivate init(concatenating parts: [[Double]], widths: [Int]) {
        self = []
        reserveCapacity(parts.reduce(0) { $0 + $1.count })
        for place in 0..<(parts[0].count / widths[0]) {
            for (part, width) in zip(parts, widths) {
                append(contentsOf: part[place * width..<(place + 1) * width])
            }
        }
    }

    fileprivate mutating func apply(_ function: ActivationFunction) {
        switch function {
        case .identity: return
        case .relu: replace { Swift.max($0, 0) }
        case .clip(let lowest, let highest):
            let (lowest, highest) = (Double(lowest), Double(highest))
            replace { Swift.min(Swift.max($0, lowest), highest) }
        case .leakyReLU(let slope):
            let slope = Double(slope)
            replace { $0 > 0 ? $0 : slope * $0 }
        case .sigmoid: replace { 1 / (1 + exp(-$0)) }
        case .hardSigmoid: replace { Swift.min(Swift.max($0 / 6 + 0.5, 0), 1) }
        case .silu: replace { $0 / (1 + exp(-$0)) }
        case .hardSwish: replace { $0 * Swift.min(Swift.max($0 / 6 + 0.5, 0), 1) }
        }
    }

    private mutating func replace(_ function: (Double) -> Double) {
        for place in indices { self[place] = function(self[place]) }
    }
}
