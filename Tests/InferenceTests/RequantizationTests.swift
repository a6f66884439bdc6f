import CIntegerKernels
import Inference
import PackedModel
import Testing

@Suite struct RequantizationTests {
    /// `floor((acc · M + B) / 2^shift + 1/2)`, clamped, in numbers that can not overflow.
    private func exact(
        _ acc: Int32, _ multiplier: Int32, _ constant: Int64, _ shift: Int32, _ low: Int32,
        _ high: Int32
    ) -> Int32 {
        let doubled = 2 * (Int128(acc) * Int128(multiplier) + Int128(constant)) + 1 << Int128(shift)
        let unit = Int128(1) << Int128(shift + 1)
        var quotient = doubled / unit
        if doubled % unit < 0 { quotient -= 1 }
        return Int32(min(max(quotient, Int128(low)), Int128(high)))
    }

    @Test func `both definitions round to nearest with ties up`() {
        let cases: [(acc: Int32, expected: Int32)] = [
            (-12, -3), (-11, -3), (-10, -2), (-9, -2), (-8, -2), (-7, -2), (-6, -1), (-5, -1),
            (-2, 0), (-1, 0), (0, 0), (1, 0), (2, 1), (5, 1), (6, 2), (7, 2), (10, 3), (11, 3),
        ]
        // A quarter of the accumulator: M = 1, shift = 2; −10/4 = −2.5 becomes −2, 10/4 = 2.5 becomes 3.
        for (acc, expected) in cases {
            let rounding = cik_rounding(shift: 2, low: -100, high: 100)
            #expect(
                requantize(acc, multiplier: 1, constant: 0, shift: 2, low: -100, high: 100)
                    == expected)
            #expect(cik_requantize(acc, 1, 0, rounding) == expected)
        }
    }

    @Test func `both definitions equal exact arithmetic, at the limits too`() {
        var random = SplitMix(1)
        let edges: [Int32] = [.min + 1, -65_536, -3, -1, 0, 1, 2, 255, 65_535, .max]
        let accumulators = edges + (0..<20).map { _ in Int32(truncatingIfNeeded: random.next()) }
        for shift: Int32 in [1, 2, 8, 30, 31, 33, 40, 46] {
            for acc in accumulators where acc != .min {
                for multiplier in edges + [Int32(1 << 30), -(1 << 30)] {
                    for constant in [0, 1, -1, 1 << 40, -(1 << 40), 1 << 61, -(1 << 61)] as [Int64]
                    {
                        let expected = exact(acc, multiplier, constant, shift, -128, 255)
                        let rounding = cik_rounding(shift: shift, low: -128, high: 255)
                        #expect(
                            requantize(
                                acc, multiplier: multiplier, constant: constant, shift: shift,
                                low: -128, high: 255) == expected)
                        #expect(cik_requantize(acc, multiplier, constant, rounding) == expected)
                    }
                }
            }
        }
    }

    @Test func `a sum is rounded by the same rule`() {
        for sum in -40...40 as ClosedRange<Int64> {
            let rounding = cik_rounding(shift: 3, low: -4, high: 3)
            let expected = exact(1, 0, sum, 3, -4, 3)
            #expect(requantize(sum: sum, shift: 3, low: -4, high: 3) == expected)
            #expect(cik_requantize_sum(sum, rounding) == expected)
        }
    }

    /// Codes of a layer `[1 weight a row]` over one input of scale 1, for pixel 0...255.
    private func codes(
        weights: [Int8], scales: [Float], output: PackedQuantizer, relu: Bool = false,
        activation: PackedActivation? = nil, pixel: UInt8
    ) throws -> [Int32] {
        let layer = PackedLayer(
            weights: packedTensor(shape: [weights.count, 1], weights: weights, scales: scales),
            bias: PackedBias(bits: 8, scale: 0.5, codes: weights.map { _ in 0 }),
            activation: activation ?? (relu ? .relu : .identity), output: output)
        var model = chain(
            [1], PackedQuantizer(bits: 8, isSigned: false, scale: 1, offset: 0),
            [.linear(layer), showing(weights.count).operation], pixelScale: 1)
        model.input.mean = [0]
        model.input.deviation = [1]
        let trace = try ReferenceInterpreter(model).trace(pixels: [pixel])
        #expect(try Engine(model).logits(pixels: [pixel]) == trace.logits)
        return trace.codes[1]
    }

    @Test func `multipliers of any size, sign and spread give the nearest codes`() throws {
        let output = PackedQuantizer(bits: 8, isSigned: true, scale: 1, offset: 0)
        #expect(
            try codes(
                weights: [1, 1, -1, 0, 1], scales: [0.25, -0.25, 0.5, 3, 1e-9], output: output,
                pixel: 10) == [3, -2, -5, 0, 0])
        // A real multiplier just below a power of two rounds up to it.
        let almostOne = Float(1).nextDown
        #expect(
            try codes(weights: [1], scales: [almostOne], output: output, pixel: 77) == [77])
        // All multipliers far below one code.
        #expect(
            try codes(weights: [1, -1], scales: [1e-30], output: output, pixel: 255) == [0, 0])
    }

    @Test func `relu clamps at the code of zero`() throws {
        let shifted = PackedQuantizer(bits: 4, isSigned: true, scale: 1, offset: 2)
        #expect(shifted.code(0) == -2)
        #expect(
            try codes(weights: [-1, 1], scales: [1], output: shifted, relu: true, pixel: 3)
                == [-2, 1])
        #expect(try codes(weights: [-1, 1], scales: [1], output: shifted, pixel: 3) == [-5, 1])
        #expect(
            try codes(
                weights: [-1, 1, 1], scales: [1], output: shifted,
                activation: .clip(lowest: -1, highest: 4.4), pixel: 9) == [-3, 2, 2])
        // Zero lies below the range: nothing can be smaller than the lowest code.
        let above = PackedQuantizer(bits: 2, isSigned: false, scale: 1, offset: 5)
        #expect(try codes(weights: [-1], scales: [1], output: above, relu: true, pixel: 9) == [0])
    }

    @Test func `what the rule can not represent is refused`() throws {
        let output = PackedQuantizer(bits: 8, isSigned: true, scale: 1, offset: 0)
        #expect {
            try codes(weights: [1], scales: [0x1p31], output: output, pixel: 1)
        } throws: {
            guard case EngineError.requantization(.node("n0"), 0, 0x1p31, 0)? = $0 as? EngineError
            else { return false }
            return true
        }
        let far = PackedQuantizer(bits: 8, isSigned: true, scale: 1e-6, offset: -1e6)
        #expect {
            try codes(weights: [1], scales: [1e-12], output: far, pixel: 1)
        } throws: {
            guard case EngineError.requantization? = $0 as? EngineError else { return false }
            return true
        }
    }
}
