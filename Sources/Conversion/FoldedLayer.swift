import Networks
import PackedModel
import Quantization
import Tensors

/// Weights, scales and biases of a layer, with the batch normalization that follows it folded in.
///
/// With codes `w` of weights and their step `s`, a sum over an output is `s · acc + b`, and
///
///     γ · (s · acc + b − μ) / √(σ² + ε) + β  =  scale · acc + bias
///     scale = s · f,   bias = β − (μ − b) · f,   f = γ / √(σ² + ε)
///
/// Scales of single outputs are rounded to 16 bits (`PackedTensor.roundedScales`) and biases to codes of
/// 16 bits; `f` in the bias is that of the rounded scale, so that the mean stays. An output whose
/// weights or whose `f` are zero is a constant: it keeps no weights.
struct FoldedLayer {
    private(set) var weights: PackedTensor
    private(set) var bias: PackedBias
    /// `[outputs]`: `f` as rounded, if there is batch normalization.
    private(set) var factors: [Double] = []

    static let scaleBits = 16
    static let foldedBiasBits = 16

    /// - Parameters:
    ///   - bias: of the layer itself.
    ///   - name: the layer's, for errors.
    init(
        _ weights: some StoredWeights, bias: Parameter?, normalization: BatchNormalization?,
        name: String
    ) throws(ConversionError) {
        guard let normalization else {
            self.bias = try Self.ownBias(bias, outputs: weights.outputs, name: name)
            self.weights = weights.tensor(scales: weights.steps)
            if weights.steps.count > 1 {
                let steps = zip(weights.steps, weights.isEmpty).map { $1 ? 0 : $0 }
                self.weights.scales = Self.rounded(steps)
            }
            return
        }
        let outputs = weights.outputs
        let exact = normalization.evaluationFactors
        let own = bias?.effective.elements ?? [Float](repeating: 0, count: outputs)
        let steps = weights.steps
        var scales = (0..<outputs).map { Float(Double(steps[$0 % steps.count]) * exact[$0]) }
        guard scales.allSatisfy(\.isFinite) else {
            throw .notFinite(layer: name, what: "scales behind batch normalization")
        }
        let isEmpty = weights.isEmpty
        for output in 0..<outputs where isEmpty[output] || !scales[output].isNormal {
            scales[output] = 0
        }
        let rounded = Self.rounded(scales)
        let factors = (0..<outputs).map {
            scales[$0] == 0 ? exact[$0] : Double(rounded[$0]) / Double(steps[$0 % steps.count])
        }
        let biases = (0..<outputs).map {
            let mean = Double(normalization.runningMean[$0]) - Double(own[$0])
            return Double(normalization.bias.effective[$0]) - mean * factors[$0]
        }
        guard biases.allSatisfy({ Float($0).isFinite }) else {
            throw .notFinite(layer: name, what: "biases behind batch normalization")
        }
        self.factors = factors
        self.bias = PackedBias(rounding: biases, bits: Self.foldedBiasBits)
        self.weights = weights.clearing(scales.map { $0 == 0 }).tensor(scales: rounded)
    }

    private static func ownBias(
        _ bias: Parameter?, outputs: Int, name: String
    ) throws(ConversionError) -> PackedBias {
        guard let bias else {
            return PackedBias(bits: 2, scale: 1, codes: [Int16](repeating: 0, count: outputs))
        }
        guard let quantizer = bias.parametrization(BiasQuantizer.self) else {
            throw .notQuantized(layer: name, what: "bias")
        }
        guard bias.trained.value.elements.allSatisfy(\.isFinite) else {
            throw .notFinite(layer: name, what: "biases")
        }
        let (scale, codes) = quantizer.codes(of: bias.trained.value)
        return PackedBias(bits: quantizer.bits, scale: scale, codes: codes)
    }

    /// Scales of 16 bits. Where one is 0 it does not matter, and another stands in its place.
    static func rounded(_ scales: [Float]) -> [Float] {
        let some = abs(scales.first { $0 != 0 } ?? 1)
        return PackedTensor.roundedScales(scales.map { $0 == 0 ? some : $0 }, bits: scaleBits)
    }
}

extension PackedBias {
    /// The nearest codes; the largest bias gets the largest code.
    init(rounding biases: [Double], bits: Int) {
        let most = Double((1 << (bits - 1)) - 1)
        let scale = Float((biases.lazy.map(\.magnitude).max() ?? 0) / most)
        guard scale.isNormal else {
            self.init(bits: bits, scale: 1, codes: biases.map { _ in 0 })
            return
        }
        self.init(
            bits: bits, scale: scale,
            codes: biases.map {
                let code = ($0 / Double(scale)).rounded(.toNearestOrEven)
                return Int16(min(max(code, -most), most))
            })
    }
}

/// Weights in numbers that a file holds exactly, in the layout of files and engines, and their steps.
protocol StoredWeights {
    /// `[outputs, ...]`, row-major.
    var shape: [Int] { get }
    /// `[1]` or `[outputs]`
    var steps: [Float] { get }
    /// `[outputs]`: whether all weights of an output are zero.
    var isEmpty: [Bool] { get }
    /// The same with all weights of some outputs set to zero.
    func clearing(_ isCleared: [Bool]) -> Self
    func tensor(scales: [Float]) -> PackedTensor
}

extension StoredWeights {
    var outputs: Int { shape[0] }
}

/// Weights in integers.
struct IntegerWeights: StoredWeights {
    /// `[outputs, ...]`, row-major.
    let shape: [Int]
    private(set) var integers: [Int8]
    /// `[1]` or `[outputs]`
    let steps: [Float]

    /// - Throws: `ConversionError.notQuantized` without a weight quantizer.
    init(_ weight: Parameter, layer: String) throws(ConversionError) {
        guard let quantizer = weight.weightQuantizer else {
            throw .notQuantized(layer: layer, what: "weights")
        }
        let (values, steps) = (weight.effective, quantizer.steps(for: weight.trained.value))
        let isFinite = values.withUnsafeElements { $0.allSatisfy(\.isFinite) }
        guard isFinite, steps.allSatisfy(\.isFinite) else {
            throw .notFinite(layer: layer, what: "weights")
        }
        let layout = OutputMajor(values.shape)
        shape = layout.shape
        let step = steps[0]
        integers =
            steps.count == 1
            ? layout.array(of: values) { value, _ in
                Int8((value / step).rounded(.toNearestOrEven))
            }
            : layout.array(of: values) {
                Int8(($0 / steps[$1 % steps.count]).rounded(.toNearestOrEven))
            }
        self.steps = steps
    }

    /// A convolution that leaves each channel as it is: one weight of 1 a channel.
    init(identityOf channels: Int) {
        shape = [channels, 1, 1, 1]
        integers = [Int8](repeating: 1, count: channels)
        steps = [1]
    }

    /// `[outputs]`: whether all weights of an output are zero.
    var isEmpty: [Bool] {
        let size = integers.count / outputs
        return (0..<outputs).map { output in
            integers[output * size..<(output + 1) * size].allSatisfy { $0 == 0 }
        }
    }

    /// The same with all weights of some outputs set to zero.
    func clearing(_ isCleared: [Bool]) -> IntegerWeights {
        var result = self
        let size = integers.count / outputs
        for output in 0..<outputs where isCleared[output] {
            for index in output * size..<(output + 1) * size { result.integers[index] = 0 }
        }
        return result
    }

    func tensor(scales: [Float]) -> PackedTensor {
        PackedTensor(shape: shape, integers: integers, scales: scales)
    }
}
