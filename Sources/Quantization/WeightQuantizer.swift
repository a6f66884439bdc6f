import Networks
import Tensors

/// Rounds weights, or the centroids of shared weights, to whole multiples of a learned step: LSQ
/// (Esser et al. 2020, arXiv 1902.08153), signed and symmetric, one step a tensor.
///
/// It stands first in a parameter's chain, next to what is trained. On shared weights it therefore
/// sees the centroids; a centroid's gradient is already the sum over its members, so the step's is
/// the same as over all weights.
public struct WeightQuantizer: Parametrization {
    public static let kind = "weight-quantizer"

    /// 2...8
    public let bits: Int
    /// Whether the lowest code is left out: `-(2^(bits-1)-1)...2^(bits-1)-1`.
    public let isNarrow: Bool
    /// Whether a weight that is not zero keeps away from zero; otherwise rounding prunes it.
    public let keepsNonzero: Bool
    /// `N` of the gradient scale `1/√(N·p)`: how many weights share the step.
    public var weightCount: Int
    /// `[1]`; what is used is its absolute value.
    public private(set) var step: Variable

    public init(
        bits: Int, step: Float, weightCount: Int, isNarrow: Bool = false, keepsNonzero: Bool = false
    ) {
        precondition((2...8).contains(bits), "a weight has 2 to 8 bits, not \(bits)")
        self.bits = bits
        self.isNarrow = isNarrow
        self.keepsNonzero = keepsNonzero
        self.weightCount = weightCount
        self.step = Variable(Tensor(shape: [1], repeating: step), decays: false)
    }

    /// A quantizer whose first step fits the nonzero values.
    /// - Parameters:
    ///   - values: weights, of which zeros (pruned ones) are left out, or centroids.
    ///   - counts: for centroids, how many weights each stands for.
    public init(
        bits: Int, fitting values: Tensor, counts: [Int]? = nil,
        initialization: StepInitialization = .leastSquares, isNarrow: Bool = false,
        keepsNonzero: Bool = false
    ) {
        let values = values.elements
        let grid = UniformGrid(bits: bits, isSigned: true, isNarrow: isNarrow)
        let count = counts?.reduce(0, +) ?? values.count { $0 != 0 }
        self.init(
            bits: bits,
            step: initialization.step(for: values, counts: counts, grid: grid),
            weightCount: count, isNarrow: isNarrow, keepsNonzero: keepsNonzero)
    }

    /// The grid of the present step.
    public var grid: UniformGrid {
        var grid = UniformGrid(
            bits: bits, isSigned: true, isNarrow: isNarrow, step: step.value[0])
        grid.keepsNonzero = keepsNonzero
        return grid
    }

    /// The integers of which `grid.step` makes the effective values.
    public func codes(of value: Tensor) -> [Int8] { grid.codes(of: value).map { Int8($0) } }

    public func apply(to value: Tensor, into effective: inout Tensor) {
        grid.fakeQuantize(value, into: &effective)
    }

    public mutating func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor
    ) {
        let sums = grid.backpropagate(
            value, resultGradient: effectiveGradient, into: &valueGradient)
        step.gradient[0] = step.value.signOfFirst * Float(sums.step) * gradientScale
    }

    public var gradientScale: Float { grid.gradientScale(sharedBy: weightCount) }

    public mutating func visitVariables(_ visit: (String, inout Variable) -> Void) {
        visit("step", &step)
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = [
            "bits": Double(bits), "isNarrow": isNarrow ? 1 : 0,
            "keepsNonzero": keepsNonzero ? 1 : 0, "weightCount": Double(weightCount),
        ]
        state.tensors = ["step": step.value]
        return state
    }

    public init(state: SavedState) throws {
        self.init(
            bits: try state.integer("bits", in: 2...8),
            step: try state.scalar("step"),
            weightCount: try state.integer("weightCount", in: 0...Int(Int32.max)),
            isNarrow: try state.integer("isNarrow", in: 0...1) == 1,
            keepsNonzero: try state.integer("keepsNonzero", in: 0...1) == 1)
    }
}

extension Parameter {
    /// Puts a weight quantizer first in the chain, in place of one that is there.
    public mutating func quantize(with quantizer: WeightQuantizer) {
        setChain([quantizer] + chain.filter { !($0 is WeightQuantizer) })
    }
}

extension Tensor {
    /// The derivative of the absolute value of a tensor of shape `[1]`, 1 at zero.
    var signOfFirst: Float { self[0] < 0 ? -1 : 1 }
}

extension SavedState {
    /// The element of a tensor of shape `[1]`.
    func scalar(_ name: String) throws(SavedStateError) -> Float {
        let tensor = try tensor(name)
        guard tensor.shape == [1] else {
            throw .wrongShape(kind: kind, field: name, found: tensor.shape, expected: [1])
        }
        return tensor[0]
    }
}
