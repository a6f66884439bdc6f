import Pipeline
import Testing

/// Bits of layers under a budget, against all choices.
@Suite struct `Bits under a budget` {
    /// An error that falls by about four with each bit, as that of a uniform grid does.
    private func layer(_ weights: Int, _ scale: Double) -> BitAllocation.Layer {
        var layer = BitAllocation.Layer(weights: weights, errors: [:])
        for bits in [2, 3, 4, 8] { layer.errors[bits] = scale * pow(0.25, bits) }
        return layer
    }

    private func pow(_ base: Double, _ exponent: Int) -> Double {
        (0..<exponent).reduce(1) { product, _ in product * base }
    }

    private func size(_ layers: [BitAllocation.Layer], _ bits: [Int]) -> Int {
        zip(layers, bits).reduce(0) { $0 + $1.0.weights * $1.1 }
    }

    private func error(_ layers: [BitAllocation.Layer], _ bits: [Int]) -> Double {
        zip(layers, bits).reduce(0) { $0 + $1.0.errors[$1.1]! }
    }

    @Test(arguments: [2, 2.5, 3, 3.7, 5, 8]) func `are as good as any of that size`(
        budget: Double
    ) {
        let layers = [layer(10, 5), layer(1000, 1), layer(300, 40), layer(50, 0.1)]
        let found = BitAllocation(layers, budget: budget).bits
        let limit = budget * Double(layers.reduce(0) { $0 + $1.weights })
        #expect(Double(size(layers, found)) <= limit)
        // Nothing that takes no more room has less error.
        var choices: [[Int]] = [[]]
        for _ in layers { choices = choices.flatMap { c in [2, 3, 4, 8].map { c + [$0] } } }
        let best = choices.filter { size(layers, $0) <= size(layers, found) }
            .map { error(layers, $0) }.min()!
        #expect(error(layers, found) <= best * (1 + 1e-12))
    }

    @Test func `leave given bits alone, and take the fewest where the budget is too small`() {
        let given = BitAllocation.Layer(weights: 100, errors: [8: 0])
        #expect(BitAllocation([given, layer(100, 1)], budget: 3).bits == [8, 2])
        #expect(BitAllocation([given, layer(100, 1)], budget: 8).bits == [8, 8])
    }
}
