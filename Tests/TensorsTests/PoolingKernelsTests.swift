import CFloatKernels
import Tensors
import Testing

private struct Sizes: CustomTestStringConvertible {
    let image: [Int]
    let kernel: [Int]
    let stride: [Int]
    var padding = [0, 0]
    var testDescription: String {
        "\(image), kernel \(kernel), stride \(stride), padding \(padding)"
    }

    func pooling(channels: Int) -> cfk_pooling {
        let output = (0...1).map { axis -> Int in
            (image[axis] + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1
        }
        return cfk_pooling(
            height: Int64(image[0]), width: Int64(image[1]), channels: Int64(channels),
            kernel_height: Int64(kernel[0]), kernel_width: Int64(kernel[1]),
            stride_height: Int64(stride[0]), stride_width: Int64(stride[1]), top: Int64(padding[0]),
            left: Int64(padding[1]), output_height: Int64(output[0]), output_width: Int64(output[1])
        )
    }
}

private let sizes = [
    Sizes(image: [4, 6], kernel: [2, 2], stride: [2, 2]),
    Sizes(image: [5, 7], kernel: [2, 2], stride: [2, 2]),
    Sizes(image: [5, 5], kernel: [3, 3], stride: [1, 1]),
    Sizes(image: [7, 8], kernel: [3, 2], stride: [2, 1]),
    Sizes(image: [8, 8], kernel: [2, 2], stride: [3, 3]),
    Sizes(image: [3, 4], kernel: [3, 4], stride: [1, 1]),
    Sizes(image: [1, 1], kernel: [1, 1], stride: [1, 1]),
    Sizes(image: [5, 5], kernel: [3, 3], stride: [2, 2], padding: [1, 1]),
    Sizes(image: [4, 3], kernel: [2, 4], stride: [1, 2], padding: [1, 3]),
    Sizes(image: [1, 1], kernel: [5, 3], stride: [1, 1], padding: [4, 2]),
]

private let channelCounts = [1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 65, 130]

/// The places in an image that each window and channel takes, in row-major order, window by window.
private func places(_ p: cfk_pooling) -> [[Int]] {
    var all: [[Int]] = []
    for r in 0..<p.output_height {
        for q in 0..<p.output_width {
            for c in 0..<p.channels {
                var window: [Int] = []
                for i in 0..<p.kernel_height {
                    for j in 0..<p.kernel_width {
                        let row = r * p.stride_height + i - p.top
                        let column = q * p.stride_width + j - p.left
                        if (0..<p.height).contains(row) && (0..<p.width).contains(column) {
                            window.append(Int((row * p.width + column) * p.channels + c))
                        }
                    }
                }
                all.append(window)
            }
        }
    }
    return all
}

/// Whole numbers: they add up exactly in any order.
private func wholeNumbers(
    _ shape: [Int], in range: ClosedRange<Int>, using generator: inout SeededGenerator
) -> Tensor {
    var x = Tensor.poisoned(shape)
    for index in 0..<x.count { x[index] = Float(Int.random(in: range, using: &generator)) }
    return x
}

/// Values from a few, so that windows hold their maximum more than once; all below zero, which is
/// never the largest though it might stand in the padding.
@Test(arguments: sizes, channelCounts)
private func `pooling sends the gradient to the first maximum`(sizes: Sizes, channels: Int) {
    var generator = SeededGenerator(seed: UInt64(channels))
    var p = sizes.pooling(channels: channels)
    let places = places(p)
    let x = wholeNumbers(sizes.image + [channels], in: -5 ... -1, using: &generator)
    let dy = wholeNumbers([places.count], in: -9...9, using: &generator)
    let values = x.elements
    let firsts = places.map { window in window.max { values[$0] < values[$1] }! }
    var slowGradient = [Float](repeating: 0, count: x.count)
    for (window, first) in firsts.enumerated() { slowGradient[first] += dy[window] }
    for isa in instructionSets {
        let y = run([x], shape: dy.shape) { cfk_max_pool(isa, &p, $0[0], $1) }
        #expect(y.elements == firsts.map { values[$0] }, "\(name(isa))")
        let dx = run([x, y, dy], shape: x.shape) {
            cfk_max_pool_gradient(isa, &p, $0[0], $0[1], $0[2], $1)
        }
        #expect(dx.elements == slowGradient, "\(name(isa))")
        #expect(y.hasIntactPoison && dx.hasIntactPoison, "\(name(isa))")
    }
}

/// As in PyTorch. Both comparisons with it are false, so that it could be lost.
@Test(arguments: channelCounts)
func `what is not a number is the maximum of its window wherever it stands`(channels: Int) {
    var p = Sizes(image: [2, 4], kernel: [2, 2], stride: [2, 2]).pooling(channels: channels)
    var dy = Tensor.poisoned([1, 2, channels])
    for index in 0..<dy.count { dy[index] = 1 }
    for place in 0..<4 {
        var x = Tensor.poisoned([2, 4, channels])
        for index in 0..<x.count { x[index] = -Float(index) }
        let first = (place / 2 * 4 + place % 2) * channels
        for index in first..<first + channels { x[index] = .nan }
        // The second window begins with its maximum.
        let second = 2 * channels..<3 * channels
        let gradient = (0..<x.count).map { index -> Float in
            (first..<first + channels).contains(index) || second.contains(index) ? 1 : 0
        }
        for isa in instructionSets {
            let y = run([x], shape: dy.shape) { cfk_max_pool(isa, &p, $0[0], $1) }
            #expect(y.elements[..<channels].allSatisfy { $0.isNaN }, "\(name(isa)), \(place)")
            #expect(
                Array(y.elements[channels...]) == second.map { -Float($0) },
                "\(name(isa)), \(place)")
            let dx = run([x, y, dy], shape: x.shape) {
                cfk_max_pool_gradient(isa, &p, $0[0], $0[1], $0[2], $1)
            }
            #expect(dx.elements == gradient, "\(name(isa)), \(place)")
        }
    }
}

@Test(arguments: sizes, channelCounts)
private func `average pooling shares the gradient, and counts padding`(sizes: Sizes, channels: Int)
{
    var generator = SeededGenerator(seed: UInt64(channels))
    var p = sizes.pooling(channels: channels)
    let (places, taps) = (places(p), sizes.kernel[0] * sizes.kernel[1])
    let x = wholeNumbers(sizes.image + [channels], in: -50...50, using: &generator)
    let dy = Tensor.random([places.count], using: &generator)
    let outside: Float = 3
    let means = places.map { window in
        (window.map { x[$0] }.reduce(0, +) + outside * Float(taps - window.count)) / Float(taps)
    }
    var slow = SlowSums(count: x.count, terms: taps + 1)
    for (index, window) in places.enumerated() {
        for place in window { slow.add(Double(dy[index]) / Double(taps), at: place) }
    }
    for isa in instructionSets {
        let y = run([x], shape: dy.shape) { cfk_average_pool(isa, &p, outside, $0[0], $1) }
        #expect(y.elements == means, "\(name(isa))")
        #expect(y.hasIntactPoison, "\(name(isa))")
        let dx = run([dy], shape: x.shape) { cfk_average_pool_gradient(isa, &p, $0[0], $1) }
        expect(dx, is: slow, name(isa))
    }
}

@Test(arguments: 1...3, [[0, 0], [1, 2]])
func `a batch is pooled image by image`(threads: Int, padding: [Int]) {
    var generator = SeededGenerator(seed: 8)
    let kernels = PoolingKernels(
        shape: [5, 4, 3], kernel: [2, 3], stride: [1, 1], padding: padding)
    let shape = [4 + 2 * padding[0], 2 + 2 * padding[1], 3]
    #expect(kernels.outputShape == shape)
    let x = Tensor.random([6, 5, 4, 3], using: &generator)
    let dy = Tensor.random([6] + shape, using: &generator)
    func all(_ x: Tensor, _ dy: Tensor, threads: Int) -> [Tensor] {
        var (y, dx) = (Tensor.poisoned(dy.shape), Tensor.poisoned(x.shape))
        var (mean, meanGradient) = (y, dx)
        kernels.maxima(of: x, into: &y, threads: threads)
        kernels.maximaGradient(x, output: y, gradient: dy, into: &dx, threads: threads)
        kernels.means(of: x, outside: 0.5, into: &mean, threads: threads)
        kernels.meansGradient(dy, into: &meanGradient, threads: threads)
        return [y, dx, mean, meanGradient]
    }
    let results = all(x, dy, threads: threads)
    for image in 0..<6 {
        func part(_ tensor: Tensor) -> [Float] {
            let size = tensor.count / 6
            return Array(tensor.elements[image * size..<(image + 1) * size])
        }
        let single = all(
            Tensor(shape: [1, 5, 4, 3], elements: part(x)),
            Tensor(shape: [1] + shape, elements: part(dy)), threads: 1)
        for (result, expected) in zip(results, single) {
            #expect(part(result) == expected.elements, "image \(image)")
        }
    }
}
