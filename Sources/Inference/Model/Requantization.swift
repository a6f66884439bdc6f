import PackedModel

/// How the accumulators of a layer become codes: `q = clamp((acc · M + B + half) >> shift, low, high)`.
///
/// See <doc:IntegerSemantics> for the derivation and its roundings.
struct Requantization: Sendable, Equatable {
    /// `M`, one for each output.
    var multipliers: [Int32]
    /// `B`, one for each output.
    var constants: [Int64]
    /// 1...``largestShift``
    var shift: Int32
    var low: Int32
    var high: Int32

    /// At a larger shift a multiplier would be more precise than any accumulator of 32 bits can show:
    /// `|acc| · 2⁻⁴⁷ < 2⁻¹⁶` codes.
    static let largestShift: Int32 = 46
    /// `|acc · M| < 2⁶²`, so that a constant up to this leaves the sum below `2⁶³`.
    private static let largestConstant = 0x1p62 - 0x1p46

    /// The code of one accumulator of `output`.
    func code(_ accumulator: Int32, output: Int) -> Int32 {
        requantize(
            accumulator, multiplier: multipliers[output], constant: constants[output],
            shift: shift, low: low, high: high)
    }
}

/// The rounding rule of the engine: `clamp((acc · M + B + half) >> shift)`, `half = 1 << (shift − 1)`.
///
/// It rounds to the nearest code, ties up. `cik_requantize` is the same rule in C.
package func requantize(
    _ accumulator: Int32, multiplier: Int32, constant: Int64, shift: Int32, low: Int32, high: Int32
) -> Int32 {
    let half = Int64(1) << Int64(shift - 1)
    let value = (Int64(accumulator) * Int64(multiplier) + constant + half) >> Int64(shift)
    return Int32(min(max(value, Int64(low)), Int64(high)))
}

extension Requantization {
    /// Derives the integers of a layer whose result has the quantizer `output`.
    init(
        _ layer: PackedLayer, weights: SparseRows, input: PackedQuantizer,
        output: PackedQuantizer, at place: EngineError.Place
    ) throws(EngineError) {
        let real = RealOutput(layer, weights: weights, input: input)
        let scale = Double(output.scale)
        let factors = real.factors.map { $0 / scale }
        let shift = try Self.shift(of: factors, at: place)
        self.shift = shift
        let unit = Double(sign: .plus, exponent: Int(shift), significand: 1)
        multipliers = factors.map { Int32(($0 * unit).rounded(.toNearestOrEven)) }
        constants = []
        for (index, constant) in real.constants.enumerated() {
            let fixed = (constant - Double(output.offset)) / scale * unit
            guard fixed.magnitude <= Self.largestConstant else {
                throw .requantization(
                    place, output: index, multiplier: factors[index], constant: fixed / unit)
            }
            constants.append(Int64(fixed.rounded(.toNearestOrEven)))
        }
        let zero = output.code(0)
        low = layer.activation == .relu ? max(output.lowest, zero) : output.lowest
        high = output.highest
    }

    /// The shift that puts the largest multiplier into `[2³⁰, 2³¹)`, at most ``largestShift``.
    private static func shift(
        of factors: [Double], at place: EngineError.Place
    ) throws(EngineError) -> Int32 {
        guard
            let (output, largest) = factors.enumerated().max(by: {
                $0.element.magnitude < $1.element.magnitude
            }), largest != 0
        else { return largestShift }
        var shift = largest.magnitude < 0x1p-16 ? Int(largestShift) : 30 - Int(largest.exponent)
        // Rounding may reach 2³¹ itself.
        let unit = Double(sign: .plus, exponent: shift, significand: 1)
        if (largest.magnitude * unit).rounded(.toNearestOrEven) >= 0x1p31 { shift -= 1 }
        guard shift >= 1 else {
            throw .requantization(place, output: output, multiplier: largest, constant: 0)
        }
        return Int32(shift)
    }
}
