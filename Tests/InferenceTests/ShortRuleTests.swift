import CIntegerKernels
import Inference
import Testing

/// The rules of some outputs, `(acc · multiplier + constant) >> shift`, with constants around the range of
/// bytes.
private struct RandomRules {
    let shift: Int32
    private(set) var multipliers: [Int32] = []
    private(set) var constants: [Int64] = []

    /// - Parameter step: accumulators from one byte to the next.
    init(
        _ outputs: Int, shift: ClosedRange<Int32>, constants: ClosedRange<Int64>,
        using random: inout SplitMix, step: (inout SplitMix) -> Double
    ) {
        self.shift = Int32.random(in: shift, using: &random)
        for _ in 0..<outputs {
            let one = Double(sign: .plus, exponent: Int(self.shift), significand: 1)
            let multiplier = one / step(&random)
            let sign: Double = random.uniform() < 0.3 ? -1 : 1
            multipliers.append(Int32(clamping: Int64(sign * multiplier)))
            self.constants.append(
                Int64.random(in: constants, using: &random) << Int64(self.shift)
                    + Int64(random.next() >> UInt64(64 - self.shift)))
        }
    }
}

/// Rules in 16 bits against the exact ones, at every accumulator.
@Suite struct NarrowRuleTests {
    /// Traps where numbers leave 16 bits that a kernel does not cut to them.
    private func byte(_ accumulator: Int32, _ rule: cik_narrow_rule, _ bytes: ClosedRange<Int32>)
        -> Int32
    {
        let sum = Int16(accumulator) + rule.addend.0
        let product = Int16((Int32(sum) * Int32(rule.multiplier.0) + 1 << 14) >> 15)
        let value = Int16(clamping: Int32(product) + Int32(rule.constant.0)) >> rule.shift
        return min(max(Int32(value), bytes.lowerBound), bytes.upperBound)
    }

    /// Returns how many outputs have a rule.
    private func expectEqual(
        _ rule: NarrowRule, _ multipliers: [Int32], _ constants: [Int64], shift: Int32,
        _ bytes: ClosedRange<Int32>, bound: Int32
    ) -> Int {
        var count = 0
        for (output, narrow) in rule.outputs.enumerated() where narrow.multiplier.0 != 0 {
            count += 1
            let isEqual = (-bound...bound).allSatisfy { accumulator in
                // Traps where it leaves 32 bits.
                let wide =
                    (accumulator * Int32(narrow.multiplier.0) + narrow.sum) >> (15 + narrow.shift)
                let exact = requantize(
                    accumulator, multiplier: multipliers[output], constant: constants[output],
                    shift: shift, low: bytes.lowerBound, high: bytes.upperBound)
                return byte(accumulator, narrow, bytes) == exact
                    && min(max(wide, bytes.lowerBound), bytes.upperBound) == exact
            }
            #expect(isEqual, "multiplier \(multipliers[output]), constant \(constants[output])")
        }
        return count
    }

    /// As of layers: steps of 1 to 2000 accumulators.
    @Test(
        arguments: [100, 3000, 32767] as [Int32],
        [0...3, 0...15, 5...20, 0...63] as [ClosedRange<Int32>])
    func `give the bytes of the exact rule`(bound: Int32, bytes: ClosedRange<Int32>) {
        var random = SplitMix(UInt64(bound))
        let rules = RandomRules(160, shift: 30...40, constants: -8...80, using: &random) {
            1 + $0.uniform() * $0.uniform() * Double(bound) / 16
        }
        let rule = NarrowRule(
            multipliers: rules.multipliers, constants: rules.constants, shift: rules.shift,
            bytes: bytes, bound: Int64(bound))
        let found =
            rule.map {
                expectEqual(
                    $0, rules.multipliers, rules.constants, shift: rules.shift, bytes, bound: bound)
            } ?? 0
        // With the largest bound there is no room for addends.
        #expect(found >= (bytes.count <= 16 && bound <= 3000 ? 150 : bytes.count <= 4 ? 120 : 0))
    }

    @Test func `exist for constant outputs and for sums behind all steps`() throws {
        let multipliers: [Int32] = [0, 0, 1 << 20, 1 << 20, -(1 << 20)]
        let constants: [Int64] = [7 << 30, -1 << 34, 1 << 38, -1 << 38, 1 << 33]
        let rule = try #require(
            NarrowRule(
                multipliers: multipliers, constants: constants, shift: 30, bytes: 0...15, bound: 900
            ))
        #expect(expectEqual(rule, multipliers, constants, shift: 30, 0...15, bound: 900) == 5)
    }

    @Test func `an output without one stands beside others`() throws {
        // Steps of 2184 accumulators in two outputs, beside one of a quarter of an accumulator.
        let multipliers: [Int32] = [480, 480, 4 << 20]
        let constants: [Int64] = [3 << 20, -2 << 20, 0]
        let rule = try #require(
            NarrowRule(
                multipliers: multipliers, constants: constants, shift: 20, bytes: 0...15,
                bound: 32000))
        #expect(rule.outputs[2].multiplier.0 == 0)
        #expect(expectEqual(rule, multipliers, constants, shift: 20, 0...15, bound: 32000) == 2)
    }

    @Test func `are refused where 16 bits can not tell the steps apart`() {
        #expect(
            NarrowRule(
                multipliers: [4 << 20], constants: [0], shift: 20, bytes: 0...15, bound: 3000)
                == nil)
        #expect(
            NarrowRule(
                multipliers: [1 << 20], constants: [0], shift: 24, bytes: 0...255, bound: 3000)
                == nil)
    }

    /// As of layers of 4-bit activations, with as many accumulators as a layer of a thousand weights has.
    @Test func `nearly all outputs of 4 bits have one`() {
        var random = SplitMix(7)
        for (bytes, bound, least) in [(0...15, 20_000, 980), (0...31, 20_000, 850)]
            as [(ClosedRange<Int32>, Int64, Int)]
        {
            let rules = RandomRules(1000, shift: 36...40, constants: 2...12, using: &random) {
                Double(bound) / Double(bytes.count) * (0.05 + 0.5 * $0.uniform())
            }
            let rule = NarrowRule(
                multipliers: rules.multipliers, constants: rules.constants, shift: rules.shift,
                bytes: bytes, bound: bound)
            let found = rule?.outputs.count { $0.multiplier.0 != 0 } ?? 0
            #expect((least...1000).contains(found), "\(found) of 1000")
        }
    }
}

/// Rules in floats against the exact ones, at every accumulator.
@Suite struct FloatRuleTests {
    @Test(arguments: [40_000, 300_000, 900_000] as [Int32], [0...3, 0...15, 5...20])
    func `give the bytes of the exact rule`(bound: Int32, bytes: ClosedRange<Int32>) {
        var random = SplitMix(UInt64(bound))
        var found = 0
        for _ in 0..<3 {
            let rules = RandomRules(4, shift: 36...46, constants: -8...30, using: &random) {
                Double(bound) * (0.002 + 0.2 * $0.uniform())
            }
            guard
                let rule = FloatRule(
                    multipliers: rules.multipliers, constants: rules.constants, shift: rules.shift,
                    bytes: bytes, bound: Int64(bound))
            else { continue }
            found += 1
            for output in rules.multipliers.indices where rule.multipliers[output] != 0 {
                var isEqual = true
                for accumulator in -bound...bound {
                    let value = rule.constants[output].addingProduct(
                        Float(accumulator), rule.multipliers[output])
                    let exact = requantize(
                        accumulator, multiplier: rules.multipliers[output],
                        constant: rules.constants[output], shift: rules.shift,
                        low: bytes.lowerBound, high: bytes.upperBound)
                    let byte = min(
                        max(value.rounded(.down), Float(bytes.lowerBound)), Float(bytes.upperBound))
                    if byte != Float(exact) { isEqual = false }
                }
                #expect(
                    isEqual,
                    "multiplier \(rules.multipliers[output]), constant \(rules.constants[output])")
            }
        }
        #expect(found > 0)
    }

    @Test func `exist for outputs without weights, beside others`() throws {
        let bound: Int32 = 1 << 20
        let multipliers: [Int32] = [0, 0, 0, 0, 0, 1 << 14]
        // Of the bytes 0, 0 by rounding, 1, 7 and 15.
        let constants: [Int64] = [0, -1 << 33, 1 << 33, 7 << 34, 99 << 34, 3 << 33]
        let rule = try #require(
            FloatRule(
                multipliers: multipliers, constants: constants, shift: 34, bytes: 0...15,
                bound: Int64(bound)))
        #expect(rule.isComplete)
        for output in multipliers.indices {
            for accumulator in [-bound, -bound + 1, -1, 0, 1, 77, bound - 1, bound] {
                let value = rule.constants[output].addingProduct(
                    Float(accumulator), rule.multipliers[output])
                let exact = requantize(
                    accumulator, multiplier: multipliers[output], constant: constants[output],
                    shift: 34, low: 0, high: 15)
                #expect(min(max(value.rounded(.down), 0), 15) == Float(exact), "output \(output)")
            }
        }
    }

    /// As in a layer that reads pixels. With larger accumulators some have none.
    @Test func `nearly all outputs of a first layer have one`() {
        var random = SplitMix(2)
        for (bound, least) in [(1_300_000, 470), (4_000_000, 300)] as [(Int64, Int)] {
            let rules = RandomRules(500, shift: 36...46, constants: 2...12, using: &random) {
                Double(bound) * (0.02 + 0.1 * $0.uniform())
            }
            let rule = FloatRule(
                multipliers: rules.multipliers, constants: rules.constants, shift: rules.shift,
                bytes: 0...15, bound: bound)
            let found = rule?.multipliers.count { $0 != 0 } ?? 0
            #expect((least..<500).contains(found), "\(found) of 500")
            #expect(rule?.isComplete == false)
        }
    }

    /// A conversion of 2^31 gives the smallest number on some CPUs, the largest on others.
    @Test func `are refused where results come near to 32 bits`() {
        func rule(_ constant: Int64) -> FloatRule? {
            FloatRule(
                multipliers: [1 << 30], constants: [constant << 28], shift: 28, bytes: 0...15,
                bound: 3)
        }
        #expect(rule(1 << 20) != nil)
        #expect(rule(3 << 29) == nil)
        #expect(rule(1 << 31 - 32) == nil)
        #expect(rule(32 - 1 << 31) == nil)
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

/// Rules for the sum of two bytes against the exact ones, at all pairs of bytes.
@Suite struct ResidualRuleTests {
    @Test(
        arguments: [[3, 3], [15, 15], [15, 31], [63, 15], [63, 63], [255, 15], [255, 255]]
            as [[Int64]])
    func `give the bytes of the exact rule`(highest: [Int64]) {
        var random = SplitMix(UInt64(highest[0] + 100 * highest[1]))
        var found = 0
        for turn in 0..<100 {
            let shift = Int64.random(in: 18...40, using: &random)
            let bytes: ClosedRange<Int32> = turn % 2 == 0 ? 0...15 : 3...40
            let multipliers = (0..<2).map { _ in
                let sign: Double = random.uniform() < 0.1 ? -1 : 1
                let factor = sign * (0.05 + 1.5 * random.uniform())
                return Int64(Double(sign: .plus, exponent: Int(shift), significand: 1) * factor)
            }
            let constant =
                Int64.random(in: -8...8, using: &random) << shift
                + Int64(random.next() >> UInt64(64 - shift))
            guard
                let rule = ResidualRule(
                    multipliers: multipliers, constant: constant, shift: shift, bytes: bytes,
                    highest: highest)
            else { continue }
            found += 1
            var isEqual = true
            for a in 0...highest[0] {
                for b in 0...highest[1] {
                    // Traps where the sum leaves 32 bits.
                    let sum =
                        Int32(a) * Int32(rule.multipliers[0]) + Int32(b)
                        * Int32(rule.multipliers[1])
                    let found = Int64((sum + rule.constant) >> rule.shift)
                    let exact = (a * multipliers[0] + b * multipliers[1] + constant) >> shift
                    let range = Int64(bytes.lowerBound)...Int64(bytes.upperBound)
                    func cut(_ byte: Int64) -> Int64 {
                        min(max(byte, range.lowerBound), range.upperBound)
                    }
                    if cut(found) != cut(exact) { isEqual = false }
                    for (own, bytes) in [(a, b), (b, a)].enumerated() where rule.hasTables {
                        let table = rule.view(own: own, distance: 0).table!
                        let place = Int(16 * bytes.0 + bytes.1)
                        if Int64(table[place]) != cut(exact) { isEqual = false }
                    }
                }
            }
            #expect(rule.hasTables == highest.allSatisfy { $0 <= 15 })
            #expect(isEqual, "multipliers \(multipliers), constant \(constant), shift \(shift)")
        }
        #expect(found >= (highest == [255, 255] ? 70 : 90))
    }

    @Test func `are for two inputs alone`() {
        func rule(_ multipliers: [Int64], highest: [Int64]) -> ResidualRule? {
            ResidualRule(
                multipliers: multipliers, constant: 1 << 19, shift: 20, bytes: 0...255,
                highest: highest)
        }
        #expect(rule([1 << 20, 1 << 19], highest: [15, 15]) != nil)
        #expect(rule([1 << 20, 1 << 19, 1 << 19], highest: [15, 15, 15]) == nil)
    }

    @Test func `are refused where they would shift all 32 bits away`() {
        func rule(shift: Int64) -> ResidualRule? {
            ResidualRule(
                multipliers: [1, 1], constant: 0, shift: shift, bytes: 0...255,
                highest: [255, 255])
        }
        #expect(rule(shift: 31)?.shift == 31)
        #expect(rule(shift: 32) == nil)
        #expect(rule(shift: 40) == nil)
    }
}
