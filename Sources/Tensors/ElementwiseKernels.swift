import CFloatKernels

extension Tensor {
    /// `self = max(x, 0)`
    public mutating func assignReLU(of x: Tensor) {
        precondition(count == x.count)
        let count = Int64(count)
        withPointers(x, &self) { cfk_relu(bestISA, $0, $1, count) }
    }

    /// `self = dy` where `y > 0`, else 0.
    public mutating func assignReLUGradient(_ dy: Tensor, where y: Tensor) {
        precondition(count == y.count && count == dy.count)
        let count = Int64(count)
        withPointers(y, dy, &self) { cfk_relu_gradient(bestISA, $0, $1, $2, count) }
    }

    /// `self += x`
    public mutating func add(_ x: Tensor, threads: Int = 1) {
        precondition(shape == x.shape, "\(shape) + \(x.shape)")
        let count = count
        withPointers(x, &self) { x, y in
            parallel(chunks: (count + Self.part - 1) / Self.part, threads: threads) { chunk in
                let part = range(ofChunk: chunk, size: Self.part, count: count)
                cfk_add(bestISA, x + part.lowerBound, y + part.lowerBound, Int64(part.count))
            }
        }
    }

    /// `self = a · b`, element by element.
    public mutating func assignProduct(_ a: Tensor, _ b: Tensor) {
        precondition(count == a.count && count == b.count)
        let count = Int64(count)
        withPointers(a, b, &self) { cfk_multiply(bestISA, $0, $1, $2, count) }
    }
}

extension Tensor {
    /// `self = x` in the memory that is there, where assignment would share that of `x`.
    public mutating func assign(_ x: Tensor) {
        precondition(count == x.count)
        let count = count
        withPointers(x, &self) { x, y in y.update(from: x, count: count) }
    }

    /// `self = x` where the mask is not 0, else exactly 0, whatever `x` is there.
    public mutating func assign(_ x: Tensor, where mask: [UInt8]) {
        precondition(count == x.count && count == mask.count, "\(mask.count) for \(x.shape)")
        let count = Int64(count)
        mask.withUnsafeBufferPointer { mask in
            guard let mask = mask.baseAddress else { return }
            withPointers(x, &self) { x, y in cfk_mask(bestISA, x, mask, y, count) }
        }
    }
}

/// Max pooling over NHWC images; windows lie wholly inside the image.
public struct PoolingKernels: Sendable {
    private let pooling: cfk_pooling
    private let inputCount: Int
    private let outputCount: Int
    public let outputShape: [Int]

    /// - Parameter shape: `[height, width, channels]` of an image.
    public init(shape: [Int], kernel: [Int], stride: [Int]) {
        precondition(shape.count == 3 && shape[0] >= kernel[0] && shape[1] >= kernel[1])
        outputShape = [
            (shape[0] - kernel[0]) / stride[0] + 1, (shape[1] - kernel[1]) / stride[1] + 1,
            shape[2],
        ]
        pooling = cfk_pooling(
            height: Int64(shape[0]), width: Int64(shape[1]), channels: Int64(shape[2]),
            kernel_height: Int64(kernel[0]), kernel_width: Int64(kernel[1]),
            stride_height: Int64(stride[0]), stride_width: Int64(stride[1]),
            output_height: Int64(outputShape[0]), output_width: Int64(outputShape[1]))
        inputCount = shape.reduce(1, *)
        outputCount = outputShape.reduce(1, *)
    }

    public func forward(_ x: Tensor, into y: inout Tensor, threads: Int) {
        let batch = x.count / inputCount
        precondition(y.count == batch * outputCount)
        withPointers(x, &y) { x, y in
            parallel(chunks: batch, threads: threads) { image in
                var pooling = pooling
                cfk_max_pool(
                    bestISA, &pooling, x + image * inputCount, y + image * outputCount)
            }
        }
    }

    /// The gradient goes to the first maximum of each window.
    public func backward(
        _ x: Tensor, output y: Tensor, gradient dy: Tensor, into dx: inout Tensor, threads: Int
    ) {
        let batch = x.count / inputCount
        precondition(dx.count == x.count && y.count == batch * outputCount && dy.count == y.count)
        withPointers(x, y, dy, &dx) { x, y, dy, dx in
            parallel(chunks: batch, threads: threads) { image in
                var pooling = pooling
                let (input, output) = (image * inputCount, image * outputCount)
                cfk_max_pool_gradient(
                    bestISA, &pooling, x + input, y + output, dy + output, dx + input)
            }
        }
    }
}

extension Tensor {
    /// Transposes the `[rows, columns]` matrix of each sample.
    public mutating func assignTransposed(_ x: Tensor, rows: Int, columns: Int, threads: Int) {
        let size = rows * columns
        precondition(count == x.count && size > 0 && count % size == 0)
        let batch = count / size
        withPointers(x, &self) { x, y in
            if rows == 1 || columns == 1 { return y.update(from: x, count: batch * size) }
            parallel(chunks: batch, threads: threads) { sample in
                cfk_transpose(x + sample * size, Int64(rows), Int64(columns), y + sample * size)
            }
        }
    }
}
