import Foundation
import Tensors
import Testing

/// The softmax of rows and the gradient behind it, in `Double`.
private func slowSoftmax(_ x: Tensor, _ dy: Tensor) -> (y: [Double], dx: [Double]) {
    let columns = x.shape.last!
    var (y, dx): ([Double], [Double]) = ([], [])
    for row in 0..<x.count / columns {
        let values = (0..<columns).map { Double(x[row * columns + $0]) }
        let gradients = (0..<columns).map { Double(dy[row * columns + $0]) }
        let largest = values.max()!
        let powers = values.map { exp($0 - largest) }
        let sum = powers.reduce(0, +)
        let results = powers.map { $0 / sum }
        let mean = zip(results, gradients).map(*).reduce(0, +)
        y += results
        dx += zip(results, gradients).map { $0 * ($1 - mean) }
    }
    return (y, dx)
}

@Test(arguments: [1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 1000], 1...2)
func `softmax and its gradient are those of slow loops`(columns: Int, threads: Int) {
    var generator = SeededGenerator(seed: UInt64(columns))
    var x = Tensor.random([40, columns], using: &generator)
    for index in 0..<x.count { x[index] *= 20 }
    let dy = Tensor.random(x.shape, using: &generator)
    let expected = slowSoftmax(x, dy)
    var (y, dx) = (Tensor.poisoned(x.shape), Tensor.poisoned(x.shape))
    y.assignSoftmax(of: x, threads: threads)
    dx.assignSoftmaxGradient(dy, output: y, threads: threads)
    // Sums of up to 1,000 values of at most 1, each rounded at 2⁻²⁴: about 6 · 10⁻⁵ at worst.
    let tolerance = 1e-6 + Double(columns) * 0x1p-24
    expect(y, isNear: expected.y, tolerance: { _ in tolerance }, "y")
    expect(dx, isNear: expected.dx, tolerance: { _ in tolerance }, "dx")
}

@Test func `softmax neither overflows nor hides what is not a number`() {
    func softmax(_ values: [Float]) -> [Float] {
        var y = Tensor(shape: [1, values.count])
        y.assignSoftmax(of: Tensor(shape: y.shape, elements: values), threads: 1)
        return y.elements
    }
    #expect(softmax([3e38, -3e38]) == [1, 0])
    #expect(softmax([-3e38, -3e38]) == [0.5, 0.5])
    #expect(softmax([100, 100, 0, 0]).prefix(2) == [0.5, 0.5])
    #expect(softmax([1, -.infinity]) == [1, 0])
    for values in [[.nan, 1], [1, .nan], [.infinity, 1], [-.infinity, -.infinity]] as [[Float]] {
        #expect(softmax(values).allSatisfy { $0.isNaN }, "\(values)")
    }
}
