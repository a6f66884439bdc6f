import Tensors

/// The values of a sample in `[channels, height, width]` order (that of PyTorch and ONNX, whatever the
/// layout in memory) under another shape.
public struct Reshape: Layer {
    public static let kind = "reshape"

    public let shape: [Int]

    public init(_ shape: [Int]) {
        self.shape = shape
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        shape
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
