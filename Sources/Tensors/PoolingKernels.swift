import CFloatKernels

/// The largest values and the means of the windows of NHWC images.
public struct PoolingKernels: Sendable {
    private let pooling: cfk_pooling
    private let inputCount: Int
    private let outputCount: Int
    /// `[height, width, channels]` of the result.
    public let outputShape: [Int]

    /// - Parameters:
    ///   - shape: `[height, width, channels]` of an image; with its padding it holds the kernel.
    ///   - kernel: `[vertical, horizontal]`, as are stride and padding.
    ///   - padding: on each side, less than the kernel: every window has a position inside the image.
    public init(shape: [Int], kernel: [Int], stride: [Int], padding: [Int] = [0, 0]) {
        let sizes = (0...1).map { shape[$0] + 2 * padding[$0] - kernel[$0] }
        precondition(shape.count == 3 && sizes.allSatisfy { $0 >= 0 }, "\(kernel) on \(shape)")
        precondition(padding[0] < kernel[0] && padding[1] < kernel[1], "\(padding) for \(kernel)")
        outputShape = [sizes[0] / stride[0] + 1, sizes[1] / stride[1] + 1, shape[2]]
        pooling = cfk_pooling(
            height: Int64(shape[0]), width: Int64(shape[1]), channels: Int64(shape[2]),
            kernel_height: Int64(kernel[0]), kernel_width: Int64(kernel[1]),
            stride_height: Int64(stride[0]), stride_width: Int64(stride[1]),
            top: Int64(padding[0]), left: Int64(padding[1]),
            output_height: Int64(outputShape[0]), output_width: Int64(outputShape[1]))
        inputCount = shape.reduce(1, *)
        outputCount = outputShape.reduce(1, *)
    }

    /// `y` is the largest value of each window; what lies outside the image never is.
    public func maxima(of x: Tensor, into y: inout Tensor, threads: Int) {
        let batch = batch(x, y)
        withPointers(x, &y) { x, y in
            parallel(chunks: batch, threads: threads) { image in
                var pooling = pooling
                cfk_max_pool(
                    bestISA, &pooling, x + image * inputCount, y + image * outputCount)
            }
        }
    }

    /// The gradient goes to the first maximum of each window.
    public func maximaGradient(
        _ x: Tensor, output y: Tensor, gradient dy: Tensor, into dx: inout Tensor, threads: Int
    ) {
        let batch = batch(x, y)
        precondition(dx.count == x.count && dy.count == y.count)
        withPointers(x, y, dy, &dx) { x, y, dy, dx in
            parallel(chunks: batch, threads: threads) { image in
                var pooling = pooling
                let (input, output) = (image * inputCount, image * outputCount)
                cfk_max_pool_gradient(
                    bestISA, &pooling, x + input, y + output, dy + output, dx + input)
            }
        }
    }

    /// `y` is the mean of each window, in which positions outside the image count as `outside`.
    public func means(of x: Tensor, outside: Float, into y: inout Tensor, threads: Int) {
        let batch = batch(x, y)
        withPointers(x, &y) { x, y in
            parallel(chunks: batch, threads: threads) { image in
                var pooling = pooling
                cfk_average_pool(
                    bestISA, &pooling, outside, x + image * inputCount, y + image * outputCount)
            }
        }
    }

    /// The gradient is shared by the positions of each window.
    public func meansGradient(_ dy: Tensor, into dx: inout Tensor, threads: Int) {
        let batch = batch(dx, dy)
        withPointers(dy, &dx) { dy, dx in
            parallel(chunks: batch, threads: threads) { image in
                var pooling = pooling
                cfk_average_pool_gradient(
                    bestISA, &pooling, dy + image * outputCount, dx + image * inputCount)
            }
        }
    }

    /// How many images the tensors hold.
    private func batch(_ x: Tensor, _ y: Tensor) -> Int {
        let batch = x.count / inputCount
        precondition(
            x.count == batch * inputCount && y.count == batch * outputCount,
            "\(x.shape) to \(y.shape) by windows with \(outputShape)")
        return batch
    }
}
