import Tensors

/// The mean of each window of `[height, width, channels]` images. Padding counts as zeros (PyTorch's
/// `count_include_pad`).
public struct AveragePooling: Layer {
    public static let kind = "average-pooling"

    public let kernel: [Int]
    public let stride: [Int]
    public let padding: [Int]

    public init(kernel: [Int], stride: [Int], padding: [Int] = [0, 0]) {
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let s = try Self.onlyShape(of: shapes)
        return (0...1).map { (s[$0] + 2 * padding[$0] - kernel[$0]) / stride[$0] + 1 } + [s[2]]
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        fatalError("not yet")
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        fatalError("not yet")
    }

    public var state: SavedState { SavedState(kind: Self.kind) }
    public init(state: SavedState) throws { fatalError("not yet") }
}
