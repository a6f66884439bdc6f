import Inference
import Testing

/// Rules of one product of 16 bits against the exact ones, at every accumulator.
@Suite struct NarrowRuleTests {
    private func expectEqual(
        _ rule: NarrowRule, _ multipliers: [Int32], _ constants: [Int64], shift: Int32,
        _ bytes: ClosedRange<Int32>, bound: Int32
    ) {
        for output in multipliers.indices {
            let (m, c) = (Int32(rule.multipliers[output]), rule.constants[output])
            var isEqual = true
            for accumulator in -bound...bound {
                // Traps where the sum leaves 32 bits.
                let narrow = (accumulator * m + c) >> rule.shift
                let exact = requantize(
                    accumulator, multiplier: multipliers[output], constant: constants[output],
                    shift: shift, low: bytes.lowerBound, high: bytes.upperBound)
                if min(max(narrow, bytes.lowerBound), bytes.upperBound) != exact { isEqual = false }
            }
            #expect(isEqual, "multiplier \(multipliers[output]), constant \(constants[output])")
        }
    }

    /// As of layers: steps of 1 to 2000 accumulators.
    @Test(
        arguments: [100, 3000, 32767] as [Int32],
        [0...3, 0...15, 5...20, 0...63] as [ClosedRange<Int32>])
    func `give the bytes of the exact rule`(bound: Int32, bytes: ClosedRange<Int32>) {
        var random = SplitMix(UInt64(bound))
        var found = 0
        for _ in 0..<20 {
            let shift = Int32.random(in: 30...40, using: &random)
            var multipliers: [Int32] = []
            var constants: [Int64] = []
            for _ in 0..<8 {
                let step = 1 + random.uniform() * random.uniform() * Double(bound) / 16
                let multiplier = Double(sign: .plus, exponent: Int(shift), significand: 1) / step
                let sign: Double = random.uniform() < 0.3 ? -1 : 1
                multipliers.append(Int32(clamping: Int64(sign * multiplier)))
                constants.append(
                    Int64.random(in: -8...80, using: &random) << Int64(shift)
                        + Int64(random.next() >> UInt64(64 - shift)))
            }
            guard
                let rule = NarrowRule(
                    multipliers: multipliers, constants: constants, shift: shift, bytes: bytes,
                    bound: Int64(bound))
            else { continue }
            found += 1
            expectEqual(rule, multipliers, constants, shift: shift, bytes, bound: bound)
        }
        if bytes.count <= 16 && bound <= 3000 { #expect(found >= 15) }
    }

    @Test func `exist for constant outputs and for sums behind all steps`() throws {
        let multipliers: [Int32] = [0, 0, 1 << 20, 1 << 20, -(1 << 20)]
        let constants: [Int64] = [7 << 30, -1 << 34, 1 << 38, -1 << 38, 1 << 33]
        let rule = try #require(
            NarrowRule(
                multipliers: multipliers, constants: constants, shift: 30, bytes: 0...15, bound: 900
            ))
        expectEqual(rule, multipliers, constants, shift: 30, 0...15, bound: 900)
    }

    @Test func `are refused where 16 bits can not tell the steps apart`() {
        // Steps of 2184 accumulators in one output, beside one of half an accumulator.
        #expect(
            NarrowRule(
                multipliers: [0x7fff_ffff, 480], constants: [0, 0], shift: 20, bytes: 0...15,
                bound: 32767) == nil)
        #expect(
            NarrowRule(
                multipliers: [1 << 20], constants: [0], shift: 24, bytes: 0...255, bound: 3000)
                == nil)
    }
}

/// Rules in floats against the exact ones, at every accumulator.
@Suite struct FloatRuleTests {
    @Test(arguments: [40_000, 300_000, 900_000] as [Int32], [0...3, 0...15, 5...20])
    func `give the bytes of the exact rule`(bound: Int32, bytes: ClosedRange<Int32>) {
        var random = SplitMix(UInt64(bound))
        var found = 0
        for _ in 0..<3 {
            let shift = Int32.random(in: 36...46, using: &random)
            var multipliers: [Int32] = []
            var constants: [Int64] = []
            for _ in 0..<4 {
                let step = Double(bound) * (0.002 + 0.2 * random.uniform())
                let multiplier = Double(sign: .plus, exponent: Int(shift), significand: 1) / step
                let sign: Double = random.uniform() < 0.3 ? -1 : 1
                multipliers.append(Int32(clamping: Int64(sign * multiplier)))
                constants.append(
                    Int64.random(in: -8...30, using: &random) << Int64(shift)
                        + Int64(random.next() >> UInt64(64 - shift)))
            }
            guard
                let rule = FloatRule(
                    multipliers: multipliers, constants: constants, shift: shift, bytes: bytes,
                    bound: Int64(bound))
            else { continue }
            found += 1
            for output in multipliers.indices {
                var isEqual = true
                for accumulator in -bound...bound {
                    let value = rule.constants[output].addingProduct(
                        Float(accumulator), rule.multipliers[output])
                    let exact = requantize(
                        accumulator, multiplier: multipliers[output], constant: constants[output],
                        shift: shift, low: bytes.lowerBound, high: bytes.upperBound)
                    let byte = min(
                        max(value.rounded(.down), Float(bytes.lowerBound)), Float(bytes.upperBound))
                    if byte != Float(exact) { isEqual = false }
                }
                #expect(isEqual, "multiplier \(multipliers[output]), constant \(constants[output])")
            }
        }
        #expect(found > 0)
    }

    @Test func `are refused for accumulators that floats do not hold, and for many steps`() {
        func rule(_ bytes: ClosedRange<Int32>, bound: Int64) -> FloatRule? {
            FloatRule(
                multipliers: [1 << 20], constants: [5], shift: 30, bytes: bytes, bound: bound)
        }
        #expect(rule(0...15, bound: 1 << 24) != nil)
        #expect(rule(0...15, bound: 1 << 24 + 1) == nil)
        #expect(rule(0...255, bound: 1 << 20) == nil)
    }
}
