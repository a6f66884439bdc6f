import Foundation
import Pruning
import Tensors
import Testing

struct BitScoresTests {
    private func sparse(_ shape: [Int], density: Float, seed: UInt64) -> Tensor {
        var generator = SeededGenerator(seed: seed)
        let elements = (0..<shape.reduce(1, *)).map { _ in
            Float.random(in: 0...1, using: &generator) < density ? generator.normal() : 0
        }
        return Tensor(shape: shape, elements: elements)
    }

    @Test(arguments: [[30, 20], [3, 3, 4, 12], [1, 40], [40, 1]], [0, 0.5, 0.7, 2] as [Float])
    func `scores are magnitudes over a power of the bits`(shape: [Int], exponent: Float) {
        let weights = sparse(shape, density: 0.2, seed: 5)
        let outputs = shape.last!
        let counts = weights.elements.map { $0 == 0 ? 0.0 : 1.0 }
        let scores = weights.magnitudes(perBitTo: exponent, of: weights)
        for (index, weight) in weights.elements.enumerated() {
            // Of the weight's row and column, counted anew for each weight.
            let row = counts.indices.filter { $0 % outputs == index % outputs }
            let column = counts.indices.filter { $0 / outputs == index / outputs }
            let (r, c) = (row.reduce(0) { $0 + counts[$1] }, column.reduce(0) { $0 + counts[$1] })
            let bits = 2.5 + max(log2(counts.reduce(0, +) / (r * c)), 0)
            let expected = weight == 0 ? 0 : Double(abs(weight)) / pow(bits, Double(exponent))
            #expect(abs(Double(scores[index]) - expected) < 1e-5 * max(expected, 1e-3))
        }
    }

    /// Pruned again and again by bits, weights stand in fewer rows and columns than by magnitude alone,
    /// and their magnitudes are not much smaller.
    @Test
    func `weights gather in lines`() {
        func pruned(_ exponent: Float) -> (lines: Int, magnitude: Float) {
            var weights = sparse([60, 50], density: 1, seed: 9)
            for density in [0.5, 0.3, 0.2, 0.1, 0.05] {
                let scores = weights.magnitudes(perBitTo: exponent, of: weights)
                Mask(pruning: scores, toSparsity: 1 - density).clear(&weights)
            }
            let kept = weights.elements.indices.filter { weights[$0] != 0 }
            #expect(kept.count == 150)
            return (
                Set(kept.map { $0 % 50 }).count + Set(kept.map { $0 / 50 }).count,
                kept.reduce(0) { $0 + weights[$1].magnitude }
            )
        }
        let (plain, gathered) = (pruned(0), pruned(1))
        #expect(gathered.lines < plain.lines * 9 / 10)
        #expect(gathered.magnitude > 0.9 * plain.magnitude)
    }

    /// What regrows has a place in the counts of what is there, not of what might come back.
    @Test
    func `weights that are pruned have scores by the lines they would join`() {
        let kept = Tensor(shape: [2, 4], elements: [1, 1, 1, 0, 1, 0, 0, 0])
        let trained = Tensor(shape: [2, 4], elements: [1, 1, 1, 1, 1, 1, 1, 1])
        let scores = trained.magnitudes(perBitTo: 1, of: kept)
        // N = 4; columns have 3 and 1, rows 2, 1, 1 and none, which counts as a half.
        #expect(abs(scores[3] - 1 / (2.5 + log2(4 / (3 * 0.5)))) < 1e-5)
        #expect(abs(scores[7] - 1 / (2.5 + log2(4 / (1 * 0.5)))) < 1e-5)
        #expect(abs(scores[0] - 1 / 2.5) < 1e-5)
        #expect(abs(scores[5] - 1 / (2.5 + log2(4))) < 1e-5)
    }
}
