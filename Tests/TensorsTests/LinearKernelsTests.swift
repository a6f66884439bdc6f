import CFloatKernels
import Tensors
import Testing

/// All products of a fully connected layer by definition.
private struct SlowLinear {
    var y: SlowSums
    var dx: SlowSums
    var dw: SlowSums
    var db: SlowSums

    init(x: Tensor, w: Tensor, b: Tensor, dy: Tensor, inputs: Int, outputs: Int, batch: Int) {
        y = SlowSums(count: batch * outputs, terms: inputs + 1)
        dx = SlowSums(count: batch * inputs, terms: outputs)
        dw = SlowSums(count: inputs * outputs, terms: batch)
        db = SlowSums(count: outputs, terms: batch)
        let (x, w) = (x.elements.map(Double.init), w.elements.map(Double.init))
        let (b, dy) = (b.elements.map(Double.init), dy.elements.map(Double.init))
        for n in 0..<batch {
            for o in 0..<outputs {
                let gradient = dy[n * outputs + o]
                y.add(b[o], at: n * outputs + o)
                db.add(gradient, at: o)
                for i in 0..<inputs {
                    y.add(x[n * inputs + i] * w[i * outputs + o], at: n * outputs + o)
                    dx.add(gradient * w[i * outputs + o], at: n * inputs + i)
                    dw.add(gradient * x[n * inputs + i], at: i * outputs + o)
                }
            }
        }
    }
}

/// What the kernels make of the same.
private struct FastLinear {
    var y: Tensor
    var dx: Tensor
    var dw: Tensor
    var db: Tensor

    init(
        _ kernels: inout LinearKernels, x: Tensor, w: Tensor, b: Tensor, dy: Tensor, threads: Int
    ) {
        y = .poisoned(dy.shape)
        dx = .poisoned(x.shape)
        dw = .poisoned(w.shape)
        db = .poisoned(b.shape)
        kernels.forward(x, weights: w, bias: b, into: &y, threads: threads)
        kernels.parameterGradients(x, dy, weights: &dw, bias: &db, threads: threads)
        kernels.inputGradient(dy, weights: w, into: &dx, threads: threads)
    }

    var bits: [[UInt32]] { [y, dx, dw, db].map(\.bits) }
}

/// Around the tiles: 8 inputs of a gradient tile; 4, 8 or 16 outputs of a vector and pairs of vectors;
/// 1, 2, 4, 6, 8 or 12 samples of a tile and 48 of a chunk.
private let inputCounts = [1, 7, 8, 9, 33]
private let outputCounts = [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65]
private let batches = [1, 5, 6, 7, 11, 12, 13, 47, 48, 49, 97]

@Test(arguments: inputCounts, outputCounts)
func `linear kernels give what slow loops give`(inputs: Int, outputs: Int) {
    var generator = SeededGenerator(seed: UInt64(inputs * 100 + outputs))
    var kernels = instructionSets.map { LinearKernels(inputs: inputs, outputs: outputs, isa: $0) }
    for batch in batches {
        let x = Tensor.random([batch, inputs], using: &generator)
        let w = Tensor.random([inputs, outputs], using: &generator)
        let b = Tensor.random([outputs], using: &generator)
        let dy = Tensor.random([batch, outputs], using: &generator)
        let slow = SlowLinear(
            x: x, w: w, b: b, dy: dy, inputs: inputs, outputs: outputs, batch: batch)
        for (index, isa) in instructionSets.enumerated() {
            let fast = FastLinear(&kernels[index], x: x, w: w, b: b, dy: dy, threads: 1)
            let place = "\(name(isa)), batch \(batch)"
            expect(fast.y, is: slow.y, "output, \(place)")
            expect(fast.dx, is: slow.dx, "input gradient, \(place)")
            expect(fast.dw, is: slow.dw, "weight gradient, \(place)")
            expect(fast.db, is: slow.db, "bias gradient, \(place)")
        }
    }
}

@Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
func `linear kernels give the same bits on 1, 2 and 3 threads`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    // 2²⁰ products at least: fewer have one thread.
    let (inputs, outputs) = (
        Int.random(in: 200...400, using: &generator), [65, 100, 129, 256, 300][Int(seed) - 1]
    )
    let batch = Int.random(in: 97...200, using: &generator)
    let x = Tensor.random([batch, inputs], using: &generator)
    let w = Tensor.random([inputs, outputs], using: &generator)
    let b = Tensor.random([outputs], using: &generator)
    let dy = Tensor.random([batch, outputs], using: &generator)
    for isa in instructionSets {
        var kernels = LinearKernels(inputs: inputs, outputs: outputs, isa: isa)
        let one = FastLinear(&kernels, x: x, w: w, b: b, dy: dy, threads: 1).bits
        for threads in 2...3 {
            let more = FastLinear(&kernels, x: x, w: w, b: b, dy: dy, threads: threads).bits
            #expect(more == one, "seed \(seed), \(name(isa)), \(threads) threads")
        }
    }
}
