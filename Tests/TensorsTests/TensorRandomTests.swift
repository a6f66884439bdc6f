import Tensors
import Testing

/// 0, 1, odd, even, and on both sides of the chunk of 65,536.
@Test(arguments: [0, 1, 2, 3, 65_535, 65_536, 65_537, 131_073])
func `random values do not depend on the number of threads`(count: Int) {
    var (one, three) = (Tensor(shape: [count]), Tensor(shape: [count]))
    one.fill(withDeviation: 2, seed: 5, threads: 1)
    three.fill(withDeviation: 2, seed: 5, threads: 3)
    #expect(one == three)
    #expect(one.elements.allSatisfy { $0 != 0 })
}

@Test func `chunks of random values differ`() {
    var tensor = Tensor(shape: [2, 65_536])
    tensor.fill(withDeviation: 1, seed: 5, threads: 2)
    #expect((0..<100).allSatisfy { tensor[$0] != tensor[$0 + 65_536] })
}

/// Mean 0 within 4σ/√n; variance σ² within 4√(2/n)σ²; pairs uncorrelated within 4/√n · σ².
@Test func `random values have the moments of a normal distribution`() {
    let count = 200_000
    var tensor = Tensor(shape: [count])
    tensor.fill(withDeviation: 0.5, seed: 9, threads: 1)
    let values = tensor.elements.map { Double($0) * 2 }
    let bound = 4 / Double(count).squareRoot()
    #expect(abs(values.reduce(0, +)) / Double(count) < bound)
    #expect(abs(values.reduce(0) { $0 + $1 * $1 } / Double(count) - 1) < bound * 2.0.squareRoot())
    let products = stride(from: 0, to: count, by: 2).reduce(0) { $0 + values[$1] * values[$1 + 1] }
    #expect(abs(products) / Double(count / 2) < bound * 2.0.squareRoot())
}
