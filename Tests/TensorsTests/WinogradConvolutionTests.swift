import CFloatKernels
import Tensors
import Testing

// `convolution kernels give what slow loops give` and its like have cases for minimal filtering, too.

private func geometry(
    _ height: Int, _ width: Int, channels: Int = 16, outputs: Int = 16, padding: [Int] = [1, 1]
) -> ConvolutionGeometry {
    ConvolutionGeometry(
        height: height, width: width, channels: channels, outputs: outputs, kernel: [3, 3],
        stride: [1, 1], padding: padding)
}

/// A forward pass and all gradients.
private struct Results {
    var y, dx, dw: Tensor

    init(
        _ g: ConvolutionGeometry, _ tensors: Tensors, padding: Float = 0,
        sums: ConvolutionSums, threads: Int = 1, isa: cfk_isa
    ) {
        var kernels = ConvolutionKernels(g, sums: sums, isa: isa)
        y = .poisoned(tensors.dy.shape)
        dx = .poisoned(tensors.x.shape)
        dw = .poisoned(g.weightShape)
        kernels.forward(
            tensors.x, weights: tensors.w, bias: tensors.b, paddingValue: padding, into: &y,
            threads: threads)
        kernels.parameterGradients(tensors.x, tensors.dy, weights: &dw, threads: threads)
        kernels.inputGradient(tensors.dy, weights: tensors.w, into: &dx, threads: threads)
    }

    var bits: [[UInt32]] { [y, dx, dw].map(\.bits) }
}

private struct Tensors {
    let x, w, b, dy: Tensor

    init(x: Tensor, w: Tensor, b: Tensor, dy: Tensor) {
        (self.x, self.w, self.b, self.dy) = (x, w, b, dy)
    }

    /// Whole numbers in −4...4, with which transforms, products and sums are exact: halves and quarters of
    /// kernels have room, too.
    init(_ g: ConvolutionGeometry, batch: Int, using generator: inout SeededGenerator) {
        func wholeNumbers(_ shape: [Int]) -> Tensor {
            var tensor = Tensor.poisoned(shape)
            for index in 0..<tensor.count {
                tensor[index] = Float(Int.random(in: -4...4, using: &generator))
            }
            return tensor
        }
        x = wholeNumbers([batch, g.height, g.width, g.channels])
        w = wholeNumbers(g.weightShape)
        b = wholeNumbers([g.outputs])
        dy = wholeNumbers([batch, g.outputHeight, g.outputWidth, g.outputs])
    }
}

private func expectEqual(_ g: ConvolutionGeometry, batch: Int, padding: Float, seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let tensors = Tensors(g, batch: batch, using: &generator)
    for isa in instructionSets {
        let direct = Results(
            g, tensors, padding: padding, sums: .direct, isa: isa)
        let fast = Results(g, tensors, padding: padding, sums: .fastest, isa: isa)
        let place = "\(name(isa)), batch of \(batch), padding of \(padding), \(g)"
        #expect(fast.y == direct.y, "output, \(place)")
        #expect(fast.dx == direct.dx, "input gradient, \(place)")
        #expect(fast.dw == direct.dw, "weight gradient, \(place)")
        let isIntact = [fast.y, fast.dx, fast.dw].allSatisfy(\.hasIntactPoison)
        #expect(isIntact, "\(place)")
    }
}

/// Tiles are of 2×2 outputs.
@Test(arguments: [1, 2, 3, 4, 5, 8, 9, 33])
func `minimal filtering of whole numbers is exact at all sizes`(height: Int) {
    for width in [1, 2, 3, 4, 7, 8, 31] {
        for padding in [[0, 0], [1, 1], [2, 2], [3, 1], [0, 2]] {
            guard height + 2 * padding[0] > 2, width + 2 * padding[1] > 2 else { continue }
            expectEqual(
                geometry(height, width, padding: padding), batch: 2,
                padding: Float(width % 3 - 1), seed: UInt64(height * 40 + width))
        }
    }
}

@Test(arguments: [16, 17, 23, 24, 31, 32, 33, 48, 65])
func `minimal filtering is exact for numbers of channels around vectors`(channels: Int) {
    for outputs in [16, 17, 31, 32, 33, 40, 47, 64, 97] {
        expectEqual(
            geometry(5, 6, channels: channels, outputs: outputs), batch: 1, padding: 0,
            seed: UInt64(channels * 100 + outputs))
    }
}

/// 16, 32 and 64 tiles are transformed together; images of few tiles share them.
@Test(arguments: [1, 2, 3, 5, 8, 9, 17, 40])
func `minimal filtering is exact for batches around chunks of tiles`(batch: Int) {
    for (height, width) in [(1, 1), (4, 4), (7, 7), (6, 10)] {
        expectEqual(geometry(height, width), batch: batch, padding: 2, seed: UInt64(batch))
    }
}

/// Above 128 × 128 weights a place, 64 tiles go together; above 2¹⁸ weights, channels go in slices.
@Test(arguments: [(130, 128), (129, 256), (200, 170), (64, 512)])
func `minimal filtering is exact for many channels`(channels: Int, outputs: Int) {
    for size in [3, 17] {
        expectEqual(
            geometry(size, size, channels: channels, outputs: outputs), batch: 2, padding: 0,
            seed: UInt64(channels))
    }
}

@Test(arguments: [16, 200])
func `minimal filtering gives the same bits on 1, 2 and 3 threads`(channels: Int) {
    var generator = SeededGenerator(seed: 7)
    let g = geometry(6, 5, channels: channels, outputs: channels)
    let tensors = Tensors(g, batch: 11, using: &generator)
    for isa in instructionSets {
        let results = (1...3).map {
            Results(
                g, tensors, padding: 0.3, sums: .fastest, threads: $0, isa: isa
            ).bits
        }
        #expect(results[1] == results[0] && results[2] == results[0], "\(name(isa))")
    }
}

/// Other convolutions are summed directly, so that both ways give the same bits.
@Test(arguments: [
    ConvolutionGeometry(
        height: 6, width: 6, channels: 16, outputs: 16, kernel: [3, 3], stride: [2, 1],
        padding: [1, 1]),
    ConvolutionGeometry(
        height: 6, width: 6, channels: 16, outputs: 16, kernel: [3, 3], stride: [1, 1],
        padding: [2, 2], dilation: [2, 2]),
    ConvolutionGeometry(
        height: 6, width: 6, channels: 32, outputs: 32, kernel: [3, 3], stride: [1, 1],
        padding: [1, 1], groups: 2),
    geometry(6, 6, channels: 15), geometry(6, 6, outputs: 15),
])
func `minimal filtering is left out where it can not or does not pay`(_ g: ConvolutionGeometry) {
    var generator = SeededGenerator(seed: 3)
    var tensors = [Tensor]()
    for shape in [
        [2, 6, 6, g.channels], g.weightShape, [2, g.outputHeight, g.outputWidth, g.outputs],
    ] {
        tensors.append(.random(shape, using: &generator))
    }
    let results = [ConvolutionSums.direct, .fastest].map { sums in
        var kernels = ConvolutionKernels(g, sums: sums)
        var y = Tensor(shape: tensors[2].shape)
        var dw = Tensor(shape: g.weightShape)
        kernels.forward(tensors[0], weights: tensors[1], bias: nil, into: &y, threads: 1)
        kernels.parameterGradients(tensors[0], tensors[2], weights: &dw, threads: 1)
        return [y.bits, dw.bits]
    }
    #expect(results[0] == results[1])
}

/// What `ConvolutionSums.fastest` costs in precision: as much as the literature says, some 10⁻⁶. That there is
/// a difference tells that it is used, for each of the three.
@Test(arguments: [64, 192])
func `minimal filtering is off by little of the largest sum`(channels: Int) {
    var generator = SeededGenerator(seed: 5)
    let g = geometry(8, 8, channels: channels, outputs: channels)
    let shape = [2, 8, 8, channels]
    let tensors = Tensors(
        x: .random(shape, using: &generator), w: .random(g.weightShape, using: &generator),
        b: .random([channels], using: &generator), dy: .random(shape, using: &generator))
    for isa in instructionSets {
        let direct = Results(g, tensors, sums: .direct, isa: isa)
        let fast = Results(g, tensors, sums: .fastest, isa: isa)
        for (one, other) in [(direct.y, fast.y), (direct.dx, fast.dx), (direct.dw, fast.dw)] {
            let largest = one.elements.map(abs).max()!
            let worst = zip(one.elements, other.elements).map { abs($0 - $1) }.max()!
            #expect(worst > 0 && worst < 5e-6 * largest, "\(name(isa)): \(worst) of \(largest)")
        }
    }
}
