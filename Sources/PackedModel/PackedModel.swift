/// A shrunken network as plain data: graph, gaps, codes, codebooks and scales.
///
/// This is the hinge of the package: training ends in it (`Conversion`), files hold it
/// (`Container`), the engine runs it (`Inference`). It has no behaviour beyond simple derived values.
///
/// A model computes either in integers, where every value but the network's output has a quantizer, or
/// in floats, where none has one.
public struct PackedModel: Sendable, Equatable {
    /// The network's name, such as `lenet-300-100`.
    public var name: String
    public var input: PackedInput
    /// Nodes in topological order. The last node's output is the model's output.
    public var nodes: [PackedNode]
    /// One name a class in the order of the outputs, or empty if they are not known.
    public var classNames: [String]

    public init(name: String, input: PackedInput, nodes: [PackedNode], classNames: [String] = []) {
        self.name = name
        self.input = input
        self.nodes = nodes
        self.classNames = classNames
    }

    /// Whether its values are real numbers.
    public var isFloat: Bool { input.quantizer == nil }
}

/// What the network reads: images of `shape`, turned into codes by `quantizer`.
///
/// The real value of a raw sample `p` (a pixel as it stands in the data set) of channel `c` is
/// `x = (p · pixelScale − mean[c]) / deviation[c]`; its code is `quantizer.code(x)`. A model in floats
/// has no quantizer and reads `x`.
public struct PackedInput: Sendable, Equatable {
    /// `[channels, height, width]`, or `[features]`.
    public var shape: [Int]
    public var pixelScale: Float
    /// One value a channel.
    public var mean: [Float]
    /// One value a channel, not zero.
    public var deviation: [Float]
    public var quantizer: PackedQuantizer?

    public init(
        shape: [Int], pixelScale: Float, mean: [Float], deviation: [Float],
        quantizer: PackedQuantizer?
    ) {
        self.shape = shape
        self.pixelScale = pixelScale
        self.mean = mean
        self.deviation = deviation
        self.quantizer = quantizer
    }
}

/// A uniform quantizer of activations: the real value of code `q` is `scale · q + offset`
/// (LSQ+, Bhalgat et al. 2020, eq. 1–2).
public struct PackedQuantizer: Sendable, Equatable {
    /// 2...8
    public var bits: Int
    /// Codes are `-2^(bits-1)...2^(bits-1)-1` if signed, else `0...2^bits-1`.
    public var isSigned: Bool
    /// Positive.
    public var scale: Float
    public var offset: Float

    public init(bits: Int, isSigned: Bool, scale: Float, offset: Float) {
        self.bits = bits
        self.isSigned = isSigned
        self.scale = scale
        self.offset = offset
    }

    /// The smallest code.
    public var lowest: Int32 { isSigned ? -(1 << (Int32(bits) - 1)) : 0 }
    /// The largest code.
    public var highest: Int32 { isSigned ? (1 << (Int32(bits) - 1)) - 1 : (1 << Int32(bits)) - 1 }

    /// The code of the real value `x`: `clamp(round((x − offset) / scale))`, ties to even, in
    /// `Float` arithmetic with one rounding an operation, as fake quantization computes it.
    public func code(_ x: Float) -> Int32 {
        let u = ((x - offset) / scale).rounded(.toNearestOrEven)
        return Int32(min(max(u, Float(lowest)), Float(highest)))
    }
}

/// One step of the network.
public struct PackedNode: Sendable, Equatable {
    public var name: String
    /// Where the values come from: 0 is the network's input, `k` is the output of `nodes[k - 1]`.
    public var inputs: [Int]
    public var operation: PackedOperation

    public init(name: String, inputs: [Int], operation: PackedOperation) {
        self.name = name
        self.inputs = inputs
        self.operation = operation
    }
}

/// What a node computes. Values are codes of the quantizer of the value that is read; a node either
/// passes its input's quantizer on (moving codes only) or names its own `output`.
///
/// `Inference.docc/IntegerSemantics.md` says what each returns, exactly. In a model in floats values are
/// real and no operation names a quantizer; `Inference.docc/FloatSemantics.md` is about those.
public enum PackedOperation: Sendable, Equatable {
    /// Weights `[outputs, inputs]`; an input of any shape is read in `[channels, height, width]` order.
    case linear(PackedLayer)
    /// Weights `[outputs, channels / groups, kernelHeight, kernelWidth]`. Padding carries the code of
    /// real zero. Output `o` belongs to group `o / (outputs / groups)`.
    case convolution(PackedLayer, PackedWindow)
    /// The largest code of each window; what lies outside the image is never the largest.
    case maxPooling(PackedWindow)
    /// The mean of each window, padding included as the code of real zero, on a grid of its own.
    case averagePooling(PackedWindow, output: PackedQuantizer?)
    /// `[channels, height, width]` to `[channels · height · width]`; moves no data.
    case flatten
    /// The same codes in the same order under another shape: `[channels, height, width]` or
    /// `[features]`.
    case reshape([Int])
    /// The sum of two or more inputs of one shape, through the activation function (a clamp).
    case add(PackedActivation, output: PackedQuantizer?)
    /// The product of the first input and the second, which is of the same shape or `[channels, 1, 1]`.
    case multiply(output: PackedQuantizer?)
    /// The channels of all inputs behind each other, each brought to the grid of the output.
    case concatenation(output: PackedQuantizer?)
    /// Some consecutive channels.
    case slice(Range<Int>)
    /// Output channel `i · groups + g` is input channel `g · (channels / groups) + i`.
    case channelShuffle(groups: Int)
    /// Positions with the code of real zero around an image: `[top, left, bottom, right]`.
    case padding([Int])
    /// A function of each value by itself: a table of the input's codes. With `.identity` it brings
    /// values to another grid.
    case function(PackedActivation, output: PackedQuantizer?)
    /// `exp(x) / Σ exp(x)` of the network's real-valued output, all its values; only as the last node.
    case softmax
}

extension PackedOperation {
    /// Weights and what belongs to them, if the operation has any. Setting it on another operation
    /// changes nothing.
    public var layer: PackedLayer? {
        get {
            switch self {
            case .linear(let layer), .convolution(let layer, _): layer
            default: nil
            }
        }
        set {
            guard let newValue else { return }
            switch self {
            case .linear: self = .linear(newValue)
            case .convolution(_, let window): self = .convolution(newValue, window)
            default: break
            }
        }
    }
}

/// How a convolution's or a pooling's window moves; `[vertical, horizontal]` each.
///
/// An output is `(size + 2 · padding − dilation · (kernel − 1) − 1) / stride + 1` long, rounded down.
public struct PackedWindow: Sendable, Equatable {
    public var kernel: [Int]
    public var stride: [Int]
    public var padding: [Int]
    /// 1 for pooling.
    public var dilation: [Int]
    /// 1 for pooling.
    public var groups: Int

    public init(
        kernel: [Int], stride: [Int], padding: [Int] = [0, 0], dilation: [Int] = [1, 1],
        groups: Int = 1
    ) {
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
    }
}

/// Weights, bias, activation function and the quantizer of the result.
///
/// With input `x = s_x · q + β_x` the real result of output `o` is
/// `y[o] = scale[o] · s_x · Σ level · q + β_x · scale[o] · Σ level + bias[o]`, through `activation`.
///
/// In a model in floats a layer with halves multiplies real numbers. One with levels gives each sample's
/// values a `DynamicGrid` and multiplies integers.
public struct PackedLayer: Sendable, Equatable {
    public var weights: PackedTensor
    public var bias: PackedBias
    public var activation: PackedActivation
    /// The quantizer of the result, or `nil` for the network's real-valued output, behind which only
    /// flattening, reshaping and softmax may stand, and in a model in floats.
    public var output: PackedQuantizer?

    public init(
        weights: PackedTensor, bias: PackedBias, activation: PackedActivation,
        output: PackedQuantizer?
    ) {
        self.weights = weights
        self.bias = bias
        self.activation = activation
        self.output = output
    }
}

/// Layers and sums take the first three, which are clamps; a table can hold any of them. Parameters
/// are finite.
public enum PackedActivation: Sendable, Equatable {
    case identity
    /// `max(x, 0)`
    case relu
    /// `min(max(x, lowest), highest)`
    case clip(lowest: Float, highest: Float)
    /// `x` where positive, else `slope · x`
    case leakyReLU(slope: Float)
    /// `1 / (1 + exp(−x))`
    case sigmoid
    /// `clip(x / 6 + 1/2, 0, 1)`
    case hardSigmoid
    /// `x · sigmoid(x)`
    case silu
    /// `x · hardSigmoid(x)`
    case hardSwish
}

/// The bias of output `o` is `scale · codes[o]`.
public struct PackedBias: Sendable, Equatable {
    /// Width of a code, 2...16: codes are within `-(2^(bits-1)-1)...2^(bits-1)-1`.
    public var bits: Int
    /// Positive, also where every code is zero.
    public var scale: Float
    /// `[outputs]`
    public var codes: [Int16]

    public init(bits: Int, scale: Float, codes: [Int16]) {
        self.bits = bits
        self.scale = scale
        self.codes = codes
    }
}

/// A sparse tensor of shared or uniformly quantized weights: a weight is `scale · levels[code]`. Or, in
/// models in floats, of weights in half precision: a weight is `scale · half`.
///
/// Nonzero weights are listed in row-major order of `shape`. `gaps[i]` zeros stand between nonzero
/// `i - 1` (or the start) and nonzero `i`; zeros behind the last nonzero are not listed.
public struct PackedTensor: Sendable, Equatable {
    /// `[outputs, ...]`, row-major.
    public var shape: [Int]
    /// 1...256 values; `levels[0] == 0`, no other level is zero, all differ.
    public var levels: [Int8]
    public var gaps: [UInt32]
    /// As many as gaps; each in `1..<levels.count`.
    public var codes: [UInt8]
    /// The bits of the nonzero weights in half precision, as many as gaps, finite and not zero; there
    /// are no codes then, and `[0]` is the list of levels. Empty where weights have codes.
    public var halves: [UInt16]
    /// One value for the tensor or one for each output. Not zero; may be negative if one for each output.
    public var scales: [Float]

    public init(shape: [Int], levels: [Int8], gaps: [UInt32], codes: [UInt8], scales: [Float]) {
        self.shape = shape
        self.levels = levels
        self.gaps = gaps
        self.codes = codes
        self.scales = scales
        halves = []
    }

    /// Weights in half precision.
    public init(shape: [Int], gaps: [UInt32], halves: [UInt16], scales: [Float]) {
        self.init(shape: shape, levels: [0], gaps: gaps, codes: [], scales: scales)
        self.halves = halves
    }

    /// How many weights the tensor has, zeros included.
    public var count: Int { shape.reduce(1, *) }
}
