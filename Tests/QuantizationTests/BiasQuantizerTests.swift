import Networks
import Quantization
import Tensors
import Testing

struct BiasQuantizerTests {
    @Test(arguments: 2...16) func `biases are codes times the step, within half a step`(bits: Int) {
        var generator = SeededGenerator(seed: UInt64(bits))
        let biases = Tensor(shape: [50], elements: (0..<50).map { _ in generator.normal() })
        let quantizer = BiasQuantizer(bits: bits)
        var effective = Tensor(shape: [50])
        quantizer.apply(to: biases, into: &effective)
        let (step, codes) = quantizer.codes(of: biases)
        let highest = 1 << (bits - 1) - 1
        #expect(effective.elements == codes.map { step * Float($0) })
        #expect(codes.map { abs(Int($0)) }.max() == highest)
        #expect(step == biases.elements.map(abs).max()! / Float(highest))
        let farthest = zip(effective.elements, biases.elements).map { abs($0 - $1) }.max()!
        #expect(farthest <= step * 0.50001)
    }

    @Test func `biases of zero have step 1`() {
        let (step, codes) = BiasQuantizer(bits: 8).codes(of: Tensor(shape: [3]))
        #expect(step == 1 && codes == [0, 0, 0])
    }

    @Test func `the gradient passes straight through`() {
        let gradient = Tensor(shape: [2], elements: [3, -4])
        var result = Tensor(shape: [2])
        BiasQuantizer(bits: 4).backpropagate(
            value: Tensor(shape: [2], elements: [1, 9]), effectiveGradient: gradient, into: &result,
            threads: 1)
        #expect(result == gradient)
    }

    @Test func `a checkpoint brings the same quantizer back`() throws {
        #expect(try BiasQuantizer(state: BiasQuantizer(bits: 12).state).bits == 12)
    }
}
