import Networks
import Pruning
import Tensors
import Testing

struct MaskTests {
    let weights = Tensor(shape: [2, 3], elements: [1, -2, 3, -4, 5, -6])
    let gradient = Tensor(shape: [2, 3], elements: [10, 20, 30, 40, 50, 60])
    let bytes: [UInt8] = [1, 0, 1, 0, 0, 1]

    @Test func `a pruned weight is exactly zero, even one that is not a number`() {
        var weights = weights
        weights[1] = .nan
        weights[3] = -.infinity
        var effective = Tensor(shape: [2, 3])
        Mask(bytes: bytes).apply(to: weights, into: &effective)
        #expect(effective.elements == [1, 0, 3, 0, 0, -6])
        #expect(effective.elements.map(\.sign)[1] == .plus)
    }

    @Test func `a pruned weight gets no gradient`() {
        var result = Tensor(shape: [2, 3])
        Mask(bytes: bytes).backpropagate(
            value: weights, effectiveGradient: gradient, into: &result, threads: 1)
        #expect(result.elements == [10, 0, 30, 0, 0, 60])
    }

    @Test func `a mask that regrows passes every gradient on`() {
        var result = Tensor(shape: [2, 3])
        Mask(bytes: bytes, regrows: true).backpropagate(
            value: weights, effectiveGradient: gradient, into: &result, threads: 1)
        #expect(result == gradient)
    }

    @Test(arguments: [2, 3]) func `threads do not change what it does`(threads: Int) {
        let count = 2 * 65536 + 123
        var generator = SeededGenerator(seed: 4)
        let mask = Mask(bytes: (0..<count).map { _ in generator.uniform() < 0.3 ? 1 : 0 })
        let value = Tensor(
            shape: [count], elements: (0..<count).map { _ in generator.normal() })
        var (effective, gradient) = (Tensor(shape: [count]), Tensor(shape: [count]))
        mask.apply(to: value, into: &effective, threads: threads)
        mask.backpropagate(
            value: value, effectiveGradient: value, into: &gradient, threads: threads)
        let expected = zip(value.elements, mask.bytes).map { $1 == 0 ? 0 : $0 }
        #expect(effective.elements == expected)
        #expect(gradient.elements == expected)
    }

    @Test func `it counts what stays`() {
        #expect(Mask(bytes: bytes).keptCount == 3)
        #expect(Mask(bytes: bytes).sparsity == 0.5)
        #expect(Mask(bytes: []).sparsity == 0)
    }

    @Test func `pruning a parameter clears the trained weights unless they may come back`() {
        var parameter = Parameter(weights, decays: true)
        parameter.prune(with: Mask(bytes: bytes, regrows: true))
        #expect(parameter.trained.value == weights)
        #expect(parameter.effective.elements == [1, 0, 3, 0, 0, -6])
        parameter.prune(with: Mask(bytes: bytes))
        #expect(parameter.trained.value.elements == [1, 0, 3, 0, 0, -6])
        #expect(parameter.chain.count == 1)
    }

    @Test func `a pruned weight stays zero while an optimizer moves all trained weights`() {
        var parameter = Parameter(weights, decays: true)
        parameter.prune(with: Mask(bytes: bytes))
        for step in 0..<5 {
            for index in 0..<6 { parameter.trained.value[index] += Float(step - index) }
            parameter.updateEffective()
            #expect(bytes.indices.allSatisfy { bytes[$0] == 1 || parameter.effective[$0] == 0 })
        }
    }

    @Test(arguments: [false, true])
    func `what momentum has moved is cleared unless it may come back`(regrows: Bool) {
        var parameter = Parameter(weights, decays: true)
        parameter.prune(with: Mask(bytes: bytes, regrows: regrows))
        let moved = Tensor(shape: [2, 3], repeating: 7)
        parameter.trained.value = moved
        parameter.clearPruned()
        let cleared: [Float] = [7, 0, 7, 0, 0, 7]
        #expect(parameter.trained.value.elements == (regrows ? moved.elements : cleared))
        #expect(regrows || parameter.effective.elements == cleared)
    }

    @Test func `with feedback a pruned weight comes back when the mask is made anew`() {
        var parameter = Parameter(weights, decays: true)
        parameter.prune(with: Mask(pruning: weights, toSparsity: 0.5, regrows: true))
        #expect(parameter.effective[0] == 0)
        parameter.effectiveGradient = Tensor(shape: [2, 3], elements: [-8, 0, 0, 0, 0, 0])
        parameter.backpropagate()
        parameter.trained.value[0] -= parameter.trained.gradient[0]
        parameter.prune(
            with: Mask(pruning: parameter.trained.value, toSparsity: 0.5, regrows: true))
        #expect(parameter.effective.elements == [9, 0, 0, 0, 5, -6])
    }

    @Test(arguments: [false, true]) func `a checkpoint brings the same mask back`(regrows: Bool)
        throws
    {
        let mask = Mask(bytes: bytes, regrows: regrows)
        #expect(mask.state.kind == Mask.kind)
        #expect(try Mask(state: mask.state) == mask)
    }

    @Test func `a checkpoint with another byte than 0 or 1 is refused`() {
        var state = Mask(bytes: bytes).state
        state.bytes["mask"]![2] = 7
        #expect(
            throws: SavedStateError.outOfRange(kind: "mask", field: "mask", found: 7, range: 0...1)
        ) { try Mask(state: state) }
    }

    @Test func `a mask of another size than the weights is refused`() throws {
        let mask = Mask(bytes: [1, 0, 1])
        try mask.requireFit(to: [3, 1])
        #expect(
            throws: SavedStateError.wrongShape(
                kind: "mask", field: "mask", found: [3], expected: [2, 2])
        ) { try mask.requireFit(to: [2, 2]) }
    }
}
