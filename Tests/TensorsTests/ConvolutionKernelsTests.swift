import CFloatKernels
import Tensors
import Testing

/// A convolution and its gradients by definition.
private struct SlowConvolution {
    var y: SlowSums
    var dx: SlowSums
    var dw: SlowSums
    var db: SlowSums

    init(_ g: ConvolutionGeometry, x: Tensor, w: Tensor, b: Tensor, dy: Tensor, padding: Float) {
        let batch = x.count / g.inputCount
        let positions = g.outputHeight * g.outputWidth
        let taps = g.kernel[0] * g.kernel[1]
        let (channels, outputs) = (g.channels / g.groups, g.outputs / g.groups)
        y = SlowSums(count: batch * g.outputCount, terms: taps * channels + 1)
        dx = SlowSums(count: x.count, terms: taps * outputs)
        dw = SlowSums(count: w.count, terms: batch * positions)
        db = SlowSums(count: b.count, terms: batch * positions)
        let (x, w) = (x.elements.map(Double.init), w.elements.map(Double.init))
        let (b, dy) = (b.elements.map(Double.init), dy.elements.map(Double.init))
        for n in 0..<batch {
            for r in 0..<g.outputHeight {
                for q in 0..<g.outputWidth {
                    let out = ((n * g.outputHeight + r) * g.outputWidth + q) * g.outputs
                    for o in 0..<g.outputs {
                        y.add(b[o], at: out + o)
                        db.add(dy[out + o], at: o)
                    }
                    for i in 0..<g.kernel[0] {
                        for j in 0..<g.kernel[1] {
                            let row = r * g.stride[0] + i * g.dilation[0] - g.padding[0]
                            let column = q * g.stride[1] + j * g.dilation[1] - g.padding[1]
                            let isInside = 0..<g.height ~= row && 0..<g.width ~= column
                            let at = ((n * g.height + row) * g.width + column) * g.channels
                            for c in 0..<g.channels {
                                let value = isInside ? x[at + c] : Double(padding)
                                let (group, part) = c.quotientAndRemainder(dividingBy: channels)
                                let tap = ((i * g.kernel[1] + j) * channels + part) * g.outputs
                                for o in group * outputs..<(group + 1) * outputs {
                                    y.add(value * w[tap + o], at: out + o)
                                    dw.add(value * dy[out + o], at: tap + o)
                                    if isInside { dx.add(dy[out + o] * w[tap + o], at: at + c) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

private struct FastConvolution {
    var y: Tensor
    var dx: Tensor
    var dw: Tensor
    var db: Tensor

    init(
        _ kernels: inout ConvolutionKernels, x: Tensor, w: Tensor, b: Tensor, dy: Tensor,
        padding: Float, threads: Int
    ) {
        y = .poisoned(dy.shape)
        dx = .poisoned(x.shape)
        dw = .poisoned(w.shape)
        db = .poisoned(b.shape)
        kernels.forward(
            x, weights: w, bias: b, paddingValue: padding, into: &y, threads: threads)
        kernels.parameterGradients(x, dy, weights: &dw, threads: threads)
        kernels.biasGradient(dy, into: &db, threads: threads)
        kernels.inputGradient(dy, weights: w, into: &dx, threads: threads)
    }

    var bits: [[UInt32]] { [y, dx, dw, db].map(\.bits) }
}

/// Tensors of a batch of two images.
private struct Example {
    let x: Tensor
    let w: Tensor
    let b: Tensor
    let dy: Tensor

    init(_ g: ConvolutionGeometry, batch: Int, using generator: inout SeededGenerator) {
        x = .random([batch, g.height, g.width, g.channels], using: &generator)
        w = .random(g.weightShape, using: &generator)
        b = .random([g.outputs], using: &generator)
        dy = .random([batch, g.outputHeight, g.outputWidth, g.outputs], using: &generator)
    }
}

private func check(
    _ g: ConvolutionGeometry, seed: UInt64, sums: ConvolutionSums = .fastest
) {
    var generator = SeededGenerator(seed: seed)
    for isa in instructionSets {
        var kernels = ConvolutionKernels(g, sums: sums, isa: isa)
        // The same kernels serve batches of other sizes and other padding values.
        for (batch, padding) in [(2, 0), (1, 0.75), (2, -1.5)] as [(Int, Float)] {
            let e = Example(g, batch: batch, using: &generator)
            let slow = SlowConvolution(g, x: e.x, w: e.w, b: e.b, dy: e.dy, padding: padding)
            let fast = FastConvolution(
                &kernels, x: e.x, w: e.w, b: e.b, dy: e.dy, padding: padding, threads: 1)
            let place = "\(name(isa)), \(sums), seed \(seed), padding of \(padding), \(g)"
            expect(fast.y, is: slow.y, "output, \(place)")
            expect(fast.dx, is: slow.dx, "input gradient, \(place)")
            expect(fast.dw, is: slow.dw, "weight gradient, \(place)")
            expect(fast.db, is: slow.db, "bias gradient, \(place)")
        }
    }
}

private let kernelSizes = [[1, 1], [3, 3], [5, 5], [1, 3], [5, 2]]
private let strides = [[1, 1], [2, 2], [3, 3], [1, 2], [3, 1]]
/// Also more than the kernel needs, on one side or both.
private let paddings = [[0, 0], [1, 1], [2, 2], [0, 2], [1, 0]]

@Test(arguments: kernelSizes, strides)
func `convolution kernels give what slow loops give`(kernel: [Int], stride: [Int]) {
    // Outputs are the inner loop's width, so they lie around the lanes; they take turns.
    let outputs = [1, 4, 7, 8, 9, 16, 17, 31, 33]
    var turn = kernel[0] + 3 * kernel[1] + 5 * stride[0] + 7 * stride[1]
    for padding in paddings {
        for channels in [1, 3, 20] {
            turn += 1
            let g = ConvolutionGeometry(
                height: 6, width: 7, channels: channels,
                outputs: outputs[turn % outputs.count], kernel: kernel, stride: stride,
                padding: padding)
            check(g, seed: UInt64(turn))
        }
    }
}

@Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 19, 20, 23, 24, 25, 26])
func `convolution kernels are right for every width around the tiles`(width: Int) {
    for padding in 0...1 {
        let g = ConvolutionGeometry(
            height: 3, width: width + 2 - 2 * padding, channels: 2, outputs: 5, kernel: [3, 3],
            stride: [1, 1], padding: [1, padding])
        guard g.width > 0 else { continue }
        check(g, seed: UInt64(width))
    }
}

/// Groups of channels and outputs; the last ones are depthwise.
private let grouped = [(2, 1, 1), (2, 3, 5), (4, 2, 8), (3, 5, 16), (2, 7, 33)]
private let depthwise = [1, 3, 7, 8, 15, 16, 17, 33].map { ($0, 1, 1) }

@Test(arguments: [[1, 1], [2, 2], [1, 2]], [[1, 1], [2, 2], [2, 1]])
func `grouped, depthwise and dilated convolutions give what slow loops give`(
    stride: [Int], dilation: [Int]
) {
    var turn = stride[1] + 3 * dilation[0] + 5 * dilation[1]
    for (groups, channels, outputs) in grouped + depthwise + [(1, 3, 5)] {
        turn += 1
        let kernel = [[3, 3], [1, 1], [5, 5], [3, 2], [7, 1]][turn % 5]
        let g = ConvolutionGeometry(
            height: 7, width: 9, channels: groups * channels, outputs: groups * outputs,
            kernel: kernel, stride: stride,
            padding: [kernel[0] / 2 * dilation[0], turn % 2 * kernel[1] / 2 * dilation[1]],
            dilation: kernel[1] > 4 ? [dilation[0], 1] : dilation, groups: groups)
        check(g, seed: UInt64(turn))
    }
}

@Test(arguments: [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17])
func `depthwise kernels are right for every width around the tiles`(width: Int) {
    for (kernel, padding) in [(3, 1), (3, 2), (5, 2), (5, 1), (4, 2)] where width + padding > kernel
    {
        let g = ConvolutionGeometry(
            height: 5 - width % 2, width: width, channels: 19, outputs: 19,
            kernel: [kernel, kernel], stride: [1, 1], padding: [padding, padding], groups: 19)
        check(g, seed: UInt64(width))
    }
}

/// Products of all positions of a batch are cut into chunks of 192, and those of gradients into blocks
/// of about 128.
@Test(arguments: [(1, 1), (8, 8), (9, 11), (20, 26)])
func `pointwise kernels are right for positions around their chunks`(height: Int, width: Int) {
    let g = ConvolutionGeometry(
        height: height, width: width, channels: 3, outputs: 5, kernel: [1, 1], stride: [1, 1],
        padding: [0, 0])
    check(g, seed: UInt64(height))
}

/// More weights than are summed in blocks of the batch.
@Test(arguments: [ConvolutionSums.direct, .fastest])
func `large weights are cut into tiles or slices`(sums: ConvolutionSums) {
    let g = ConvolutionGeometry(
        height: 3, width: 3, channels: 180, outputs: 182, kernel: [3, 3], stride: [1, 1],
        padding: [1, 1])
    check(g, seed: 5, sums: sums)
}

@Test(arguments: [([1, 1], [4, 3]), ([3, 3], [5, 6]), ([2, 5], [2, 7])])
func `padding wider than the kernel needs gives windows of padding alone`(
    kernel: [Int], padding: [Int]
) {
    for stride in [[1, 1], [2, 3]] {
        let g = ConvolutionGeometry(
            height: 3, width: 4, channels: 3, outputs: 6, kernel: kernel, stride: stride,
            padding: padding)
        check(g, seed: 17)
    }
}

@Test(arguments: [[0, 0], [1, 2]])
func `convolution kernels give the same bits on 1, 2 and 3 threads`(padding: [Int]) {
    var generator = SeededGenerator(seed: 4)
    let g = ConvolutionGeometry(
        height: 9, width: 11, channels: 5, outputs: 19, kernel: [3, 5], stride: [1, 2],
        padding: padding)
    let e = Example(g, batch: 7, using: &generator)
    for isa in instructionSets {
        var kernels = ConvolutionKernels(g, isa: isa)
        for value in [0, 0.5] as [Float] {
            let results = (1...3).map {
                FastConvolution(
                    &kernels, x: e.x, w: e.w, b: e.b, dy: e.dy, padding: value, threads: $0
                ).bits
            }
            #expect(results[1] == results[0], "\(name(isa)), padding of \(value), 2 threads")
            #expect(results[2] == results[0], "\(name(isa)), padding of \(value), 3 threads")
        }
    }
}
