import PackedModel

/// How sums become codes: `q = clamp((Σ term · M + B + half) >> shift, low, high)`.
///
/// See <doc:IntegerSemantics> for the derivation and its roundings.
struct Requantization: Sendable, Equatable {
    /// `M`: of a layer one for each output, else one for each term.
    var multipliers: [Int32]
    /// `B`: of a layer one for each output, else a single one.
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

    /// The code of a sum of terms times their multipliers, without the constant.
    func code(sum: Int64) -> Int32 {
        requantize(sum: sum + constants[0], shift: shift, low: low, high: high)
    }
}

/// The rounding rule of the engine: `clamp((sum + half) >> shift)`, `half = 1 << (shift − 1)`.
///
/// It rounds to the nearest code, ties up. `cik_requantize_sum` is the same rule in C.
package func requantize(sum: Int64, shift: Int32, low: Int32, high: Int32) -> Int32 {
    let half = Int64(1) << Int64(shift - 1)
    return Int32(min(max((sum + half) >> Int64(shift), Int64(low)), Int64(high)))
}

/// The rounding rule for an accumulator: the sum is `acc · M + B`.
package func requantize(
    _ accumulator: Int32, multiplier: Int32, constant: Int64, shift: Int32, low: Int32, high: Int32
) -> Int32 {
    requantize(
        sum: Int64(accumulator) * Int64(multiplier) + constant, shift: shift, low: low, high: high)
}

extension Requantization {
    /// Derives the integers for real results `Σ factor · term + constant` on the grid of `output`.
    ///
    /// - Parameters:
    ///   - factors: what a term of each multiplier is worth.
    ///   - constants: real numbers, one for each `B`.
    ///   - activation: a clamp.
    init(
        factors: [Double], constants: [Double], activation: PackedActivation,
        output: PackedQuantizer, at place: EngineError.Place
    ) throws(EngineError) {
        let scale = Double(output.scale)
        let factors = factors.map { $0 / scale }
        let shift = try Self.shift(of: factors, at: place)
        self.shift = shift
        let unit = Double(sign: .plus, exponent: Int(shift), significand: 1)
        multipliers = factors.map { Int32(($0 * unit).rounded(.toNearestOrEven)) }
        self.constants = []
        for (index, constant) in constants.enumerated() {
            let fixed = (constant - Double(output.offset)) / scale * unit
            guard fixed.magnitude <= Self.largestConstant else {
                throw .requantization(
                    place, index: index, multiplier: factors[index], constant: fixed / unit)
            }
            self.constants.append(Int64(fixed.rounded(.toNearestOrEven)))
        }
        let bounds = activation.bounds
        low = bounds.lowest.map { max(output.lowest, output.code($0)) } ?? output.lowest
        high = bounds.highest.map { min(output.highest, output.code($0)) } ?? output.highest
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
            throw .requantization(place, index: output, multiplier: largest, constant: 0)
        }
        return Int32(shift)
    }
}

extension CheckedModel {
    /// The rounding rule of node `index`, if its results have one.
    func requantization(of index: Int) throws(EngineError) -> Requantization? {
        let node = model.nodes[index]
        let place = EngineError.Place.node(node.name)
        let grids = inputs(of: index).compactMap(\.quantizer)
        let scales = grids.map { Double($0.scale) }
        let offsets = grids.map { Double($0.offset) }
        switch node.operation {
        case .linear(let layer), .convolution(let layer, _):
            guard let output = layer.output else { return nil }
            let real = RealOutput(layer, weights: weights[index]!, input: grids[0])
            return try Requantization(
                factors: real.factors, constants: real.constants, activation: layer.activation,
                output: output, at: place)
        case .averagePooling(let window, let output):
            return try Requantization(
                factors: [scales[0] / Double(window.kernel[0] * window.kernel[1])],
                constants: [offsets[0]], activation: .identity, output: output!, at: place)
        case .add(let activation, let output):
            return try Requantization(
                factors: scales, constants: [offsets.reduce(0, +)], activation: activation,
                output: output!, at: place)
        case .multiply(let output):
            return try Requantization(
                factors: [
                    scales[0] * scales[1], scales[0] * offsets[1], scales[1] * offsets[0],
                ],
                constants: [offsets[0] * offsets[1]], activation: .identity, output: output!,
                at: place)
        default:
            return nil
        }
    }
}
