import Tensors

/// Sets a share of the activations to zero while training and scales the others up, so that the
/// expected value stays (Srivastava et al. 2014, in its inverted form). The identity in evaluation.
public struct Dropout: Layer {
    public static let kind = "dropout"

    /// The share that is dropped, 0..<1; in effect the nearest multiple of 2⁻¹⁶ below 1.
    public let rate: Float
    /// 0 or `1 / (1 − rate)`, by the rate in effect, for each activation of this step.
    private var factors = Tensor.empty

    public init(rate: Float) {
        precondition(rate >= 0 && rate < 1, "a dropout rate is in 0..<1, not \(rate)")
        self.rate = rate
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        try Self.onlyShape(of: shapes)
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        guard pass.isTraining, rate > 0 else {
            y = x[0]
            return
        }
        // One number of the generator serves four activations, 16 bits each.
        let threshold = min(UInt64((rate * 65536).rounded()), 65535)
        let keep = 65536 / Float(65536 - threshold)
        factors.resize(to: x[0].shape)
        factors.withUnsafeMutableElements { factors in
            var bits: UInt64 = 0
            for index in factors.indices {
                bits = index & 3 == 0 ? pass.generator.next() : bits >> 16
                factors[index] = bits & 0xFFFF < threshold ? 0 : keep
            }
        }
        y.assignProduct(x[0], factors)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        guard wants[0] else { return }
        if rate > 0 {
            inputGradients[0].assignProduct(dy, factors)
        } else {
            swap(&inputGradients[0], &dy)
        }
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers["rate"] = Double(rate)
        return state
    }

    public init(state: SavedState) throws {
        let rate = try state.number("rate")
        guard rate >= 0 && Float(rate) < 1 else {
            throw SavedStateError.outOfRange(
                kind: Self.kind, field: "rate", found: rate, range: 0...1)
        }
        self.init(rate: Float(rate))
    }
}
