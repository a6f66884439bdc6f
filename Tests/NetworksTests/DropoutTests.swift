import Networks
import Tensors
import Testing

@Test(arguments: [0.1, 0.25, 0.5, 0.9] as [Float], [1, 2] as [UInt64])
func `dropout drops its share and scales up the others`(rate: Float, seed: UInt64) {
    var dropout = Dropout(rate: rate)
    var pass = Pass(isTraining: true, generator: SeededGenerator(seed: seed))
    let count = 40000
    let x = Tensor(shape: [4, count / 4], repeating: 3)
    var y = Tensor(shape: x.shape)
    dropout.forward([x], into: &y, pass: &pass)
    let kept = 3 * (65536 / (65536 - (rate * 65536).rounded()))
    let dropped = y.elements.count { $0 == 0 }
    #expect(y.elements.allSatisfy { $0 == 0 || $0 == kept })
    // Four standard deviations of a binomial distribution, and the 2⁻¹⁶ to which the rate is rounded.
    let deviation = (Double(rate * (1 - rate)) * Double(count)).squareRoot()
    #expect(
        abs(Double(dropped) - Double(rate) * Double(count)) < 4 * deviation + 1, "seed \(seed)")
    let neighbours = (1..<count).count { y[$0] == 0 && y[$0 - 1] == 0 }
    let expected = Double(rate * rate) * Double(count)
    #expect(abs(Double(neighbours) - expected) < 6 * expected.squareRoot(), "seed \(seed)")
}

/// Of a rate near 1, the 65,536th that is kept at least, not the ten millionth that 1 − rate is.
@Test func `dropout scales by the share that it keeps`() {
    var dropout = Dropout(rate: 0.9999999)
    var pass = Pass(isTraining: true, generator: SeededGenerator(seed: 1))
    let x = Tensor(shape: [4, 1 << 18], repeating: 1)
    var y = Tensor(shape: x.shape)
    dropout.forward([x], into: &y, pass: &pass)
    #expect(y.elements.allSatisfy { $0 == 0 || $0 == 65536 })
    // Sixteen are expected.
    #expect((1...64).contains(y.elements.count { $0 > 0 }))
}

@Test func `dropout is the identity in evaluation`() {
    var (dropout, pass) = (Dropout(rate: 0.5), Pass(isTraining: false))
    let x = Tensor(shape: [1, 3], elements: [1, 2, 3])
    var y = Tensor(shape: [1, 3])
    dropout.forward([x], into: &y, pass: &pass)
    #expect(y == x)
}

@Test func `steps drop different activations, and the same generator the same`() {
    func pattern(_ pass: inout Pass) -> [Bool] {
        var dropout = Dropout(rate: 0.5)
        var y = Tensor(shape: [1, 64])
        dropout.forward([Tensor(shape: [1, 64], repeating: 1)], into: &y, pass: &pass)
        return y.elements.map { $0 == 0 }
    }
    var pass = Pass(isTraining: true, generator: SeededGenerator(seed: 1))
    var again = pass
    let first = pattern(&pass)
    #expect(pattern(&pass) != first)
    #expect(pattern(&again) == first)
}
