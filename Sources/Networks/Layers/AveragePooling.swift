import Tensors

/// The mean of each window of `[height, width, channels]` images. Padding counts as real zeros
/// (PyTorch's `count_include_pad`).
public struct AveragePooling: Layer {
    public static let kind = "average-pooling"

    private let window: PoolingWindow

    /// `[vertical, horizontal]`, as are `stride` and `padding`.
    public var kernel: [Int] { window.kernel }
    public var stride: [Int] { window.stride }
    /// Positions on each side, less than the kernel.
    public var padding: [Int] { window.padding }

    public init(kernel: [Int], stride: [Int], padding: [Int] = [0, 0]) {
        window = PoolingWindow(kernel: kernel, stride: stride, padding: padding)
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        try window.outputShape(of: shapes, layer: Self.kind)
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        window.kernels(for: x[0]).means(
            of: x[0], outside: pass.paddingValue, into: &y, threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        guard wants[0] else { return }
        window.kernels(for: x[0]).meansGradient(
            dy, into: &inputGradients[0], threads: pass.threads)
    }

    public func paddingValue(behind value: Float) -> Float { 0 }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        window.write(to: &state)
        return state
    }

    public init(state: SavedState) throws { window = try PoolingWindow(state: state) }
}
