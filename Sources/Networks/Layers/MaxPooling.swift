import Tensors

/// The largest value of each window of `[height, width, channels]` images.
public struct MaxPooling: Layer {
    public static let kind = "max-pooling"

    /// `[vertical, horizontal]`, as is `stride`.
    public let kernel: [Int]
    public let stride: [Int]
    /// What lies outside the image is never the largest.
    public let padding: [Int]

    public init(kernel: [Int], stride: [Int], padding: [Int] = [0, 0]) {
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        guard shapes.count == 1, shapes[0].count == 3, shapes[0][0] >= kernel[0],
            shapes[0][1] >= kernel[1]
        else {
            throw .unfit(
                layer: Self.kind, found: shapes, expected: "an image of at least \(kernel)")
        }
        return PoolingKernels(shape: shapes[0], kernel: kernel, stride: stride).outputShape
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        kernels(x[0]).forward(x[0], into: &y, threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        guard wants[0] else { return }
        kernels(x[0]).backward(
            x[0], output: output, gradient: dy, into: &inputGradients[0], threads: pass.threads)
    }

    private func kernels(_ x: Tensor) -> PoolingKernels {
        PoolingKernels(shape: Array(x.shape.dropFirst()), kernel: kernel, stride: stride)
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        for axis in 0...1 {
            state.numbers["kernel\(axis)"] = Double(kernel[axis])
            state.numbers["stride\(axis)"] = Double(stride[axis])
        }
        return state
    }

    public init(state: SavedState) throws {
        self.init(
            kernel: try (0...1).map { try state.integer("kernel\($0)", in: 1...64) },
            stride: try (0...1).map { try state.integer("stride\($0)", in: 1...64) })
    }
}
