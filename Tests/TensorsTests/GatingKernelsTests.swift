import CFloatKernels
import Tensors
import Testing

@Test(arguments: [1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64], [1, 2, 49])
func `gates multiply every position, and their gradients are sums over positions`(
    channels: Int, rows: Int
) {
    var generator = SeededGenerator(seed: UInt64(channels))
    let x = Tensor.random([rows, channels], using: &generator)
    let dy = Tensor.random([rows, channels], using: &generator)
    let gate = Tensor.random([channels], using: &generator)
    var slow = SlowSums(count: channels, terms: rows)
    for index in 0..<x.count {
        slow.add(Double(x[index]) * Double(dy[index]), at: index % channels)
    }
    for isa in instructionSets {
        let (m, n) = (Int64(rows), Int64(channels))
        let y = run([x, gate], shape: x.shape) { cfk_gate(isa, $0[0], $0[1], m, n, $1) }
        #expect(y.elements == (0..<x.count).map { x[$0] * gate[$0 % channels] }, "\(name(isa))")
        #expect(y.hasIntactPoison, "\(name(isa))")
        let sum = run([x, dy], shape: gate.shape) {
            cfk_gate_gradient(isa, $0[0], $0[1], m, n, $1)
        }
        expect(sum, is: slow, name(isa))
    }
}

/// Large enough that threads are woken.
@Test func `each image has a gate of its own, on any thread count`() {
    var generator = SeededGenerator(seed: 3)
    let (batch, rows, channels) = (5, 21 * 20, 33)
    let x = Tensor.random([batch, 21, 20, channels], using: &generator)
    let dy = Tensor.random(x.shape, using: &generator)
    let gate = Tensor.random([batch, 1, 1, channels], using: &generator)
    var first: [Tensor] = []
    for threads in 1...3 {
        var (y, gradient) = (Tensor.poisoned(x.shape), Tensor.poisoned(gate.shape))
        y.assignGated(x, by: gate, threads: threads)
        gradient.assignGateGradient(x, dy, threads: threads)
        if first.isEmpty { first = [y, gradient] }
        #expect([y, gradient] == first, "\(threads) threads")
    }
    let expected = x.elements.enumerated().map { index, value in
        value * gate[index / (rows * channels) * channels + index % channels]
    }
    #expect(first[0].elements == expected)
    var slow = SlowSums(count: gate.count, terms: rows)
    for (index, (value, gradient)) in zip(x.elements, dy.elements).enumerated() {
        slow.add(
            Double(value) * Double(gradient),
            at: index / (rows * channels) * channels + index % channels)
    }
    expect(first[1], is: slow, "gradient")
}
