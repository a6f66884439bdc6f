import PackedModel

extension PackedActivation {
    /// Whether it only cuts off values: then it is a clamp of codes, too.
    var isClamp: Bool {
        switch self {
        case .identity, .relu, .clip: true
        default: false
        }
    }

    /// What a clamp cuts off below and above.
    var bounds: (lowest: Float?, highest: Float?) {
        switch self {
        case .relu: (0, nil)
        case .clip(let lowest, let highest): (lowest, highest)
        default: (nil, nil)
        }
    }

    /// The function of `x`, in `Double` with one rounding an operation and one to `Float` at the end;
    /// <doc:IntegerSemantics> lists the expressions.
    func value(_ x: Float) -> Float {
        let real = Double(x)
        switch self {
        case .identity: return x
        case .relu: return max(x, 0)
        case .clip(let lowest, let highest): return min(max(x, lowest), highest)
        case .leakyReLU(let slope): return x > 0 ? x : Float(Double(slope) * real)
        case .sigmoid: return Float(Self.sigmoid(real))
        case .hardSigmoid: return Float(Self.hardSigmoid(real))
        case .silu: return Float(real * Self.sigmoid(real))
        case .hardSwish: return Float(real * Self.hardSigmoid(real))
        }
    }

    private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exponential(-x)) }
    private static func hardSigmoid(_ x: Double) -> Double { min(max(x / 6 + 0.5, 0), 1) }

    /// The codes on the grid of `output` of the function of every code of `input`, from its lowest on.
    func table(from input: PackedQuantizer, to output: PackedQuantizer) -> [Int32] {
        (input.lowest...input.highest).map { code in
            let result = value(Float(code) * input.scale + input.offset)
            return output.code(result.isNaN ? 0 : result)
        }
    }
}

/// `e^x` with the same bits on every machine, since it is made of exactly defined operations: Taylor's
/// series behind a reduction to `|r| ≤ ln 2 / 2`. 0 below −700 and for what is not a number, infinite
/// above 700.
package func exponential(_ x: Double) -> Double {
    guard x >= -700 else { return 0 }
    guard x <= 700 else { return .infinity }
    let k = (x * 1.4426950408889634).rounded(.toNearestOrEven)
    // The first product is exact: the constant ends in 21 zero bits.
    let r = (x - k * 0x1.62e42feep-1) - k * 0x1.a39ef35793c76p-33
    var sum = 1.0
    for i in stride(from: 13, through: 1, by: -1) { sum = 1 + r * sum / Double(i) }
    return sum * Double(sign: .plus, exponent: Int(k), significand: 1)
}
