import Foundation
import Tensors
import Testing

/// xoshiro256** as its authors publish it, on a state that splitmix64 fills: in C's words and order.
private struct PublishedGenerator {
    private var s: [UInt64]

    init(seed: UInt64) {
        var x = seed
        s = (0..<4).map { _ in
            x = x &+ 0x9e37_79b9_7f4a_7c15
            var z = x
            z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
            return z ^ z >> 31
        }
    }

    mutating func next() -> UInt64 {
        let product = s[1] &* 5
        let result = (product << 7 | product >> 57) &* 9
        let t = s[1] << 17
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = s[3] << 45 | s[3] >> 19
        return result
    }
}

/// The first outputs of splitmix64 for seed 1234567, as Vigna's reference prints them.
@Test func `the state is what splitmix64 gives`() {
    let state = SeededGenerator(seed: 1_234_567).state
    #expect(state.0 == 6_457_827_717_110_365_317)
    #expect(state.1 == 3_203_168_211_198_807_973)
    #expect(state.2 == 9_817_491_932_198_370_423)
    #expect(state.3 == 4_593_380_528_125_082_431)
}

@Test(arguments: [0, 1, 2, 1_234_567, UInt64.max])
func `numbers are those of the published generator`(seed: UInt64) {
    var (found, expected) = (SeededGenerator(seed: seed), PublishedGenerator(seed: seed))
    for index in 0..<1000 { #expect(found.next() == expected.next(), "number \(index)") }
}

@Test func `streams of one seed differ, and one stream repeats`() {
    let first = (0..<100 as Range<UInt64>).map { stream in
        var generator = SeededGenerator(seed: 5, stream: stream)
        return generator.next()
    }
    #expect(Set(first).count == 100)
    #expect(SeededGenerator(seed: 5, stream: 3) == SeededGenerator(seed: 5, stream: 3))
    #expect(SeededGenerator(seed: 5, stream: 3) != SeededGenerator(seed: 6, stream: 3))
}

@Test(arguments: [1, 2, 3] as [UInt64])
func `uniform numbers fill 0..<1 evenly`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var counts = [Int](repeating: 0, count: 16)
    for _ in 0..<16000 {
        let number = generator.uniform()
        guard number >= 0 && number < 1 else {
            Issue.record("\(number)")
            continue
        }
        #expect((number * 0x1p24).rounded() == number * 0x1p24)
        counts[Int(number * 16)] += 1
    }
    // χ² with 15 degrees of freedom is beyond 45 once in 10,000 times.
    let chiSquare = counts.reduce(0.0) { $0 + pow(Double($1) - 1000, 2) / 1000 }
    #expect(chiSquare < 45, "seed \(seed)")
}

@Test(arguments: [1, 2, 3] as [UInt64])
func `normal numbers have the moments of a normal distribution`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let count = 40000
    let numbers = (0..<count).map { _ in Double(generator.normal()) }
    func moment(_ power: Double) -> Double {
        numbers.reduce(0) { $0 + pow($1, power) } / Double(count)
    }
    // Four standard errors: √(μ_2k − μ_k²) / √count, with the even moments 1, 3, 15, 105.
    let error = 4 / Double(count).squareRoot()
    #expect(abs(moment(1)) < error * 1, "seed \(seed)")
    #expect(abs(moment(2) - 1) < error * 2.0.squareRoot(), "seed \(seed)")
    #expect(abs(moment(3)) < error * 15.0.squareRoot(), "seed \(seed)")
    #expect(abs(moment(4) - 3) < error * 96.0.squareRoot(), "seed \(seed)")
    #expect(numbers.allSatisfy { $0.isFinite })
}
