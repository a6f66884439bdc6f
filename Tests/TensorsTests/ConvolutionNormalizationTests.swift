import Tensors
import Testing

/// A convolution between two batch normalizations, whose steps it takes, beside the same steps one by one.
private struct Steps {
    var y: Tensor
    var moments: [(Double, Double)]
    /// That of the input of the second normalization, if it is kept.
    var dy: Tensor
    var dw: Tensor
    /// The `g` of the first normalization, and its sums.
    var dx: Tensor
    var sums: [(Double, Double)]?

    init(
        _ g: ConvolutionGeometry, batch: Int, threads: Int, together: Bool,
        keepsGradient: Bool = true,
        seed: UInt64
    ) {
        var generator = SeededGenerator(seed: seed)
        let source = Tensor.random([batch, g.height, g.width, g.channels], using: &generator)
        let (scale, shift) = (
            Tensor.random([g.channels], using: &generator),
            Tensor.random([g.channels], using: &generator)
        )
        let w = Tensor.random(g.weightShape, using: &generator)
        dy = .random([batch, g.outputHeight, g.outputWidth, g.outputs], using: &generator)
        let factors = (0..<3).map { _ in Tensor.random([g.outputs], using: &generator) }
        y = .poisoned(dy.shape)
        dw = .poisoned(w.shape)
        dx = .poisoned(source.shape)
        var x = source
        var first = NormalizationKernels(channels: g.channels)
        var second = NormalizationKernels(channels: g.outputs)
        first.forward(source, .silu, scale: scale, shift: shift, into: &x, threads: threads)
        var kernels = ConvolutionKernels(g)
        var workspace = Tensor.empty
        if together, kernels.canFinishParts {
            let input = NormalizedInput(source, .silu, scale: scale, shift: shift)
            moments = kernels.forward(
                input, weights: w, bias: nil, into: &y, wantsMoments: true, workspace: &workspace,
                threads: threads)!
            sums = kernels.backward(
                input, output: y, gradient: &dy, normalization: factors,
                keepsGradient: keepsGradient, weights: w, into: &dw, source: &dx,
                workspace: &workspace, threads: threads)
            return
        }
        let found = kernels.forward(
            x, weights: w, bias: nil, into: &y, wantsMoments: together, threads: threads)
        moments = found ?? second.moments(of: y, threads: threads)
        if together {
            kernels.backward(
                x, output: y, gradient: &dy, normalization: factors, keepsGradient: keepsGradient,
                weights: w, into: &dw, input: &dx, wantsInput: true,
                workspace: &workspace, threads: threads)
            return
        }
        second.inputGradient(y, gradient: &dy, factors: factors, threads: threads)
        kernels.parameterGradients(x, dy, weights: &dw, threads: threads)
        kernels.inputGradient(dy, weights: w, into: &dx, threads: threads)
        sums = first.gradientSums(
            source, .silu, scale: scale, shift: shift, gradient: &dx, threads: threads)
    }

    var isIntact: Bool { [y, dw, dx].allSatisfy(\.hasIntactPoison) }
}

private func areClose(_ a: [(Double, Double)], _ b: [(Double, Double)], terms: Int) -> Bool {
    let largest = b.map { max(abs($0.0), abs($0.1)) }.max() ?? 0
    let size = 1e-5 * max(largest, 4 * Double(terms).squareRoot())
    return a.count == b.count
        && zip(a, b).allSatisfy { abs($0.0 - $1.0) < size && abs($0.1 - $1.1) < size }
}

private func geometry(
    _ size: (Int, Int), _ channels: Int, _ outputs: Int, kernel: Int, stride: Int = 1,
    groups: Int = 1
) -> ConvolutionGeometry {
    ConvolutionGeometry(
        height: size.0, width: size.1, channels: channels, outputs: outputs,
        kernel: [kernel, kernel], stride: [stride, stride], padding: [kernel / 2, kernel / 2],
        groups: groups)
}

/// The last three can not be finished part by part; the very last has weights too large for blocks.
private let geometries = [
    geometry((3, 4), 5, 7, kernel: 1), geometry((8, 8), 16, 33, kernel: 1),
    geometry((20, 26), 3, 40, kernel: 1), geometry((4, 5), 17, 17, kernel: 3, groups: 17),
    geometry((40, 33), 16, 16, kernel: 5, groups: 16),
    geometry((7, 6), 20, 20, kernel: 3, stride: 2, groups: 20),
    geometry((6, 6), 16, 18, kernel: 3), geometry((6, 5), 4, 6, kernel: 3, groups: 2),
    geometry((2, 2), 520, 510, kernel: 1),
]

/// Batches are cut into 16 blocks, of which the last may be short or empty.
@Test(arguments: geometries, [1, 3, 17, 35])
func `a convolution takes the steps of normalizations next to it`(
    g: ConvolutionGeometry, batch: Int
) throws {
    let apart = Steps(g, batch: batch, threads: 1, together: false, seed: UInt64(batch))
    let together = Steps(g, batch: batch, threads: 1, together: true, seed: UInt64(batch))
    #expect(apart.isIntact && together.isIntact)
    #expect(together.y == apart.y && together.dy == apart.dy)
    #expect(together.dw == apart.dw)
    let positions = batch * g.height * g.width
    #expect(areClose(together.moments, apart.moments, terms: positions))
    let finishesParts = g.weightCount < 1 << 18 && (g.isPointwise || g.isDepthwise)
    #expect((together.sums != nil) == finishesParts)
    if let sums = together.sums {
        // The slopes are made apart from what they are multiplied with.
        let isNear = zip(together.dx.elements, apart.dx.elements).allSatisfy {
            abs($0 - $1) <= 1e-5 * (1 + abs($1))
        }
        #expect(isNear)
        #expect(areClose(sums, try #require(apart.sums), terms: positions * 100))
    }
    let shared = Steps(g, batch: batch, threads: 3, together: true, seed: UInt64(batch))
    #expect(shared.y == together.y && shared.dw == together.dw && shared.dx == together.dx)
    #expect(shared.moments.map(\.0) == together.moments.map(\.0))
    #expect(shared.sums?.map(\.1) == together.sums?.map(\.1))
    let moved = Steps(
        g, batch: batch, threads: 2, together: true, keepsGradient: false, seed: UInt64(batch))
    #expect(moved.dw == together.dw && moved.dx == together.dx)
}
