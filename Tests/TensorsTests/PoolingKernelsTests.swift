import CFloatKernels
import Tensors
import Testing

/// Maxima of the windows, and gradients sent to the first of each.
private func slowPooling(_ p: cfk_pooling, x: [Float], dy: [Float]) -> (y: [Float], dx: [Float]) {
    var y: [Float] = []
    var dx = [Float](repeating: 0, count: x.count)
    for r in 0..<p.output_height {
        for q in 0..<p.output_width {
            for c in 0..<p.channels {
                var places: [Int] = []
                for i in 0..<p.kernel_height {
                    for j in 0..<p.kernel_width {
                        let (row, column) = (r * p.stride_height + i, q * p.stride_width + j)
                        places.append(Int((row * p.width + column) * p.channels + c))
                    }
                }
                let first = places.max { x[$0] < x[$1] }!
                dx[first] += dy[y.count]
                y.append(x[first])
            }
        }
    }
    return (y, dx)
}

private struct Sizes: CustomTestStringConvertible {
    let image: [Int]
    let kernel: [Int]
    let stride: [Int]
    var testDescription: String { "\(image), kernel \(kernel), stride \(stride)" }
}

private let sizes = [
    Sizes(image: [4, 6], kernel: [2, 2], stride: [2, 2]),
    Sizes(image: [5, 7], kernel: [2, 2], stride: [2, 2]),
    Sizes(image: [5, 5], kernel: [3, 3], stride: [1, 1]),
    Sizes(image: [7, 8], kernel: [3, 2], stride: [2, 1]),
    Sizes(image: [8, 8], kernel: [2, 2], stride: [3, 3]),
    Sizes(image: [3, 4], kernel: [3, 4], stride: [1, 1]),
    Sizes(image: [1, 1], kernel: [1, 1], stride: [1, 1]),
]

/// Values from a few, so that windows hold their maximum more than once.
@Test(arguments: sizes, [1, 3, 4, 15, 16, 17, 63, 64, 65, 130])
private func `pooling sends the gradient to the first maximum`(sizes: Sizes, channels: Int) {
    var generator = SeededGenerator(seed: UInt64(channels))
    let kernels = PoolingKernels(
        shape: sizes.image + [channels], kernel: sizes.kernel, stride: sizes.stride)
    var p = cfk_pooling(
        height: Int64(sizes.image[0]), width: Int64(sizes.image[1]), channels: Int64(channels),
        kernel_height: Int64(sizes.kernel[0]), kernel_width: Int64(sizes.kernel[1]),
        stride_height: Int64(sizes.stride[0]), stride_width: Int64(sizes.stride[1]),
        output_height: Int64(kernels.outputShape[0]), output_width: Int64(kernels.outputShape[1]))
    var x = Tensor.poisoned(sizes.image + [channels])
    for index in 0..<x.count { x[index] = Float(Int.random(in: -2...2, using: &generator)) }
    // Whole numbers add up exactly in any order.
    var dy = Tensor.poisoned(kernels.outputShape)
    for index in 0..<dy.count { dy[index] = Float(Int.random(in: -9...9, using: &generator)) }
    let slow = slowPooling(p, x: x.elements, dy: dy.elements)
    for isa in instructionSets {
        var (y, dx) = (Tensor.poisoned(dy.shape), Tensor.poisoned(x.shape))
        y.withUnsafeMutableElements { y in
            x.withUnsafeElements { cfk_max_pool(isa, &p, $0.baseAddress!, y.baseAddress!) }
        }
        #expect(y.elements == slow.y, "\(name(isa))")
        dx.withUnsafeMutableElements { dx in
            x.withUnsafeElements { x in
                y.withUnsafeElements { y in
                    dy.withUnsafeElements { dy in
                        cfk_max_pool_gradient(
                            isa, &p, x.baseAddress!, y.baseAddress!, dy.baseAddress!,
                            dx.baseAddress!)
                    }
                }
            }
        }
        #expect(dx.elements == slow.dx, "\(name(isa))")
        #expect(y.hasIntactPoison && dx.hasIntactPoison, "\(name(isa))")
    }
}

@Test(arguments: 1...3) func `a batch is pooled image by image`(threads: Int) {
    var generator = SeededGenerator(seed: 8)
    let kernels = PoolingKernels(shape: [5, 4, 3], kernel: [2, 3], stride: [1, 1])
    #expect(kernels.outputShape == [4, 2, 3])
    let x = Tensor.random([6, 5, 4, 3], using: &generator)
    let dy = Tensor.random([6, 4, 2, 3], using: &generator)
    var (y, dx) = (Tensor.poisoned(dy.shape), Tensor.poisoned(x.shape))
    kernels.forward(x, into: &y, threads: threads)
    kernels.backward(x, output: y, gradient: dy, into: &dx, threads: threads)
    for image in 0..<6 {
        let (input, output) = (image * 60..<(image + 1) * 60, image * 24..<(image + 1) * 24)
        let xs = Tensor(shape: [1, 5, 4, 3], elements: Array(x.elements[input]))
        let dys = Tensor(shape: [1, 4, 2, 3], elements: Array(dy.elements[output]))
        var (ys, dxs) = (Tensor.poisoned(dys.shape), Tensor.poisoned(xs.shape))
        kernels.forward(xs, into: &ys, threads: 1)
        kernels.backward(xs, output: ys, gradient: dys, into: &dxs, threads: 1)
        #expect(ys.elements == Array(y.elements[output]), "image \(image)")
        #expect(dxs.elements == Array(dx.elements[input]), "image \(image)")
    }
}
