import Pruning
import Tensors
import Testing

struct MagnitudePruningTests {
    /// What should stay, by a stable sort: largest magnitudes first, equal ones in order.
    func keptBySorting(_ count: Int, of layers: [[Float]]) -> [[UInt8]] {
        let all = layers.enumerated().flatMap { layer, weights in
            weights.indices.map { (layer: layer, index: $0, magnitude: weights[$0].magnitude) }
        }
        let order = all.indices.sorted {
            (all[$1].magnitude, $0) < (all[$0].magnitude, $1)
        }
        var marks = layers.map { [UInt8](repeating: 0, count: $0.count) }
        for place in order.prefix(count) { marks[all[place].layer][all[place].index] = 1 }
        return marks
    }

    /// Normal numbers, rounded so that many magnitudes are equal.
    func weights(_ count: Int, seed: UInt64, coarse: Bool) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            let x = generator.normal()
            return coarse ? (4 * x).rounded() / 4 : x
        }
    }

    @Test(arguments: [1, 2, 17, 1000], [false, true])
    func `the pruned count is exact and the largest stay, ties by index`(count: Int, coarse: Bool) {
        let values = weights(count, seed: 7, coarse: coarse)
        for sparsity in [0, 0.1, 0.5, 0.9, 0.97, 1] {
            let mask = Mask(
                pruning: Tensor(shape: [count], elements: values), toSparsity: sparsity)
            let kept = count - Int((sparsity * Double(count)).rounded())
            #expect(mask.keptCount == kept)
            #expect(mask.bytes == keptBySorting(kept, of: [values])[0], "sparsity \(sparsity)")
        }
    }

    @Test func `pruning further never brings a pruned weight back`() {
        var tensor = Tensor(shape: [500], elements: weights(500, seed: 3, coarse: true))
        var last = [UInt8](repeating: 1, count: 500)
        for sparsity in [0.3, 0.6, 0.6, 0.8, 0.95] {
            let mask = Mask(pruning: tensor, toSparsity: sparsity)
            #expect(zip(mask.bytes, last).allSatisfy { $0 <= $1 })
            mask.clear(&tensor)
            last = mask.bytes
        }
    }

    @Test func `a threshold in standard deviations prunes what is below it`() {
        // μ = 1, σ² = (9 + 1 + 1 + 9) / 4 = 5
        let tensor = Tensor(shape: [4], elements: [-2, 0, 2, 4])
        #expect(Mask(pruning: tensor, belowDeviations: 0.9).bytes == [0, 0, 0, 1])
        #expect(Mask(pruning: tensor, belowDeviations: 0.89).bytes == [1, 0, 1, 1])
        // Without the zero: μ = 4/3, σ² = (100 + 4 + 64) / 27 = 6.22
        #expect(
            Mask(pruning: tensor, belowDeviations: 0.85, skipsZeros: true).bytes == [0, 0, 0, 1])
        #expect(
            Mask(pruning: tensor, belowDeviations: 0.8, skipsZeros: true).bytes == [1, 0, 1, 1])
    }

    @Test(arguments: [0, 0.2, 0.5, 0.93, 1])
    func `a global threshold keeps the largest of all layers`(sparsity: Double) {
        let layers = [
            weights(300, seed: 1, coarse: true), weights(40, seed: 2, coarse: true),
            weights(7, seed: 3, coarse: false),
        ]
        let masks = Mask.masks(
            pruning: layers.map { Tensor(shape: [$0.count], elements: $0) },
            toGlobalSparsity: sparsity)
        let kept = 347 - Int((sparsity * 347).rounded())
        #expect(masks.map(\.bytes) == keptBySorting(kept, of: layers))
    }

    @Test func `under a global threshold each layer keeps its least density`() {
        let small = Tensor(shape: [10], elements: (1...10).map { Float($0) / 1000 })
        let large = Tensor(shape: [90], elements: weights(90, seed: 5, coarse: false))
        let masks = Mask.masks(
            pruning: [small, large], toGlobalSparsity: 0.8, minimumDensities: [0.11, 0.11])
        #expect(masks[0].bytes == [0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
        #expect(masks[1].keptCount == 18)
        #expect(masks[1].bytes == keptBySorting(18, of: [large.elements])[0])
        // More is kept by layers than may stay: the floors win.
        let floors = Mask.masks(
            pruning: [small, large], toGlobalSparsity: 1, minimumDensities: [0.1, 0.1])
        #expect(floors.map(\.keptCount) == [1, 9])
    }

    @Test func `LAMP scores are squares over the sum of squares that are not smaller`() {
        // Scores by hand: 3: 9/9; 2: 4/13; 1: 1/14 and, in the other layer, 10: 1; 1: 1/101.
        let layers = [
            Tensor(shape: [3], elements: [1, -3, 2]), Tensor(shape: [2], elements: [-1, 10]),
        ]
        let order: [[[UInt8]]] = [
            [[0, 1, 0], [0, 1]], [[0, 1, 1], [0, 1]], [[1, 1, 1], [0, 1]], [[1, 1, 1], [1, 1]],
        ]
        for (kept, expected) in zip([2, 3, 4, 5], order) {
            let masks = Mask.masks(
                pruning: layers, toGlobalSparsity: 1 - Double(kept) / 5, by: .lamp)
            #expect(masks.map(\.bytes) == expected, "\(kept) kept")
        }
    }
}
