import Networks
import Tensors
import Testing
import WeightSharing

struct CodebookTests {
    let codebook = Codebook(shape: [2, 4], codes: [0, 1, 2, 0, 3, 3, 1, 0])
    let centroids = Tensor(shape: [3], elements: [-0.5, 0.25, 2])

    @Test func `a weight is the centroid of its code, and code 0 is zero`() {
        var weights = Tensor(shape: [2, 4], repeating: 9)
        codebook.apply(to: centroids, into: &weights)
        #expect(weights.elements == [0, -0.5, 0.25, 0, 2, 2, -0.5, 0])
        #expect(codebook.effectiveShape(of: [3]) == [2, 4])
        #expect(codebook.memberCounts(centroids: 3) == [2, 1, 2])
    }

    @Test func `a centroid's gradient is the sum over its members`() {
        let gradient = Tensor(shape: [2, 4], elements: [9, 1, 2, 9, 3, 4, 5, 9])
        var result = Tensor(shape: [3])
        codebook.backpropagate(
            value: centroids, effectiveGradient: gradient, into: &result, threads: 1)
        #expect(result.elements == [6, 2, 7])
    }

    @Test(arguments: [1, 7, 255]) func `gradients sum up for any count of centroids`(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let codes = (0..<1003).map { _ in UInt8.random(in: 0...UInt8(count), using: &generator) }
        // Whole numbers, so that any order gives the same sum.
        let gradient = (0..<1003).map { _ in Float(Int.random(in: -9...9, using: &generator)) }
        var expected = [Float](repeating: 0, count: count + 1)
        for (code, value) in zip(codes, gradient) { expected[Int(code)] += value }
        var result = Tensor(shape: [count])
        Codebook(shape: [17, 59], codes: codes).backpropagate(
            value: Tensor(shape: [count]),
            effectiveGradient: Tensor(shape: [17, 59], elements: gradient), into: &result,
            threads: 1)
        #expect(result.elements == Array(expected.dropFirst()))
    }

    @Test func `bits have room for one centroid less than codes`() {
        #expect([1, 2, 5, 8].map(Codebook.centroids(forBits:)) == [1, 3, 31, 255])
    }

    @Test func `a parameter that shares trains its centroids`() {
        let weights = Tensor(shape: [2, 3], elements: [1, 1.5, 0, -2, -2.5, 0])
        var parameter = Parameter(weights, decays: true)
        parameter.share(KMeans().clusters(of: weights, count: 2))
        #expect(parameter.trained.value.elements == [-2.25, 1.25])
        #expect(parameter.trained.decays)
        #expect(parameter.effective.elements == [1.25, 1.25, 0, -2.25, -2.25, 0])
        parameter.effectiveGradient = Tensor(shape: [2, 3], elements: [1, 2, 3, 4, 5, 6])
        parameter.backpropagate()
        #expect(parameter.trained.gradient.elements == [9, 3])
    }

    @Test func `a checkpoint brings the same codebook back`() throws {
        #expect(codebook.state.kind == Codebook.kind)
        #expect(try Codebook(state: codebook.state) == codebook)
    }

    @Test func `a checkpoint with codes that do not fill the shape is refused`() {
        var state = codebook.state
        state.bytes["codes"]!.removeLast()
        #expect(
            throws: SavedStateError.wrongShape(
                kind: "codebook", field: "codes", found: [7], expected: [2, 4])
        ) { try Codebook(state: state) }
    }

    @Test func `codes without a centroid are refused`() throws {
        let codebook = Codebook(shape: [3], codes: [0, 4, 2])
        try codebook.requireFit(to: [4])
        #expect(
            throws: SavedStateError.outOfRange(
                kind: "codebook", field: "code", found: 4, range: 0...3)
        ) { try codebook.requireFit(to: [3]) }
    }
}
