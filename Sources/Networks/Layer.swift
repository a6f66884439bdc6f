import Tensors

/// One operation of a network, with its forward and its backward pass.
///
/// Activations are `[batch, features]` or `[batch, height, width, channels]`. Shapes that leave the
/// batch out are *sample shapes*. A layer may keep scratch memory between the passes of one step.
public protocol Layer: Sendable {
    /// The word by which checkpoints name it, such as `linear`.
    static var kind: String { get }

    /// The sample shape of the output.
    func outputShape(of inputs: [[Int]]) throws(ShapeError) -> [Int]

    /// Writes `output`, which already has its shape.
    mutating func forward(_ inputs: [Tensor], into output: inout Tensor, pass: inout Pass)

    /// Writes the gradients of its parameters, and of those inputs that `wants` names. Nobody reads
    /// `outputGradient` afterwards: a layer that works element by element takes that memory for an
    /// input's gradient (by `swap`) and goes through one array less.
    mutating func backward(
        _ inputs: [Tensor], output: Tensor, outputGradient: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass)

    /// What real zero becomes behind this layer, if it is `value` before it: the value that the
    /// padding of a convolution further on carries. Quantizers without an exact zero change it.
    func paddingValue(behind value: Float) -> Float

    /// Visits its parameters, such as `weight` and `bias`, always in the same order.
    mutating func visitParameters(_ visit: (String, inout Parameter) -> Void)

    /// Visits variables that belong to no parameter (the step size of an activation quantizer).
    mutating func visitVariables(_ visit: (String, inout Variable) -> Void)

    /// Its settings and variables without its parameters, whose state the network saves.
    var state: SavedState { get }
    init(state: SavedState) throws
}

extension Layer {
    public func paddingValue(behind value: Float) -> Float { value }
    public mutating func visitParameters(_ visit: (String, inout Parameter) -> Void) {}
    public mutating func visitVariables(_ visit: (String, inout Variable) -> Void) {}

    /// The shape of the input of a layer that takes one.
    static func onlyShape(of inputs: [[Int]]) throws(ShapeError) -> [Int] {
        guard inputs.count == 1 else {
            throw .unfit(layer: kind, found: inputs, expected: "one input")
        }
        return inputs[0]
    }
}

/// What a pass through the network is given besides values.
public struct Pass: Sendable {
    /// Training uses dropout and keeps what the backward pass needs; evaluation does not.
    public var isTraining: Bool
    /// How many threads may work. Results do not depend on it.
    public var threads: Int
    public var generator: SeededGenerator
    /// What the padding of the layer's input carries; the network sets it for each layer.
    public internal(set) var paddingValue: Float = 0

    // A convolution takes steps of the batch normalizations next to it while the values are in the cache.
    /// Whether the convolution gives the moments of its output.
    var wantsMoments = false
    /// The sums of `x` and of `x²` for each channel of the input, if the convolution has given them.
    var moments: [(Double, Double)]?
    /// Whether the normalization leaves the last step of its input's gradient to the convolution.
    var defersNormalization = false
    /// The factors of that step.
    var normalization: [Tensor]?
    /// Memory for parts of values and gradients, of all layers that need some.
    var workspace = Tensor.empty

    public init(isTraining: Bool, threads: Int = 1, generator: SeededGenerator = .init(seed: 0)) {
        self.isTraining = isTraining
        self.threads = threads
        self.generator = generator
    }
}

/// A layer got an input of a shape that it can not work on.
public enum ShapeError: Error, Equatable, CustomStringConvertible {
    case unfit(layer: String, found: [[Int]], expected: String)

    public var description: String {
        switch self {
        case .unfit(let layer, let found, let expected):
            "\(layer) got an input of shape \(found), expected \(expected)"
        }
    }
}
