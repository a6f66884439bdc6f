import Tensors

/// `[height, width, channels]` images to `[channels · height · width]` features, in this order:
/// the one of PyTorch and ONNX, whatever the layout of the images in memory.
public struct Flatten: Layer {
    public static let kind = "flatten"

    public init() {}

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        [try Self.onlyShape(of: shapes).reduce(1, *)]
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        let (positions, channels) = Self.sizes(x[0])
        y.assignTransposed(x[0], rows: positions, columns: channels, threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        guard wants[0] else { return }
        let (positions, channels) = Self.sizes(x[0])
        inputGradients[0].assignTransposed(
            dy, rows: channels, columns: positions, threads: pass.threads)
    }

    private static func sizes(_ x: Tensor) -> (positions: Int, channels: Int) {
        let channels = x.shape.last!
        return (x.shape.dropFirst().dropLast().reduce(1, *), channels)
    }

    public var state: SavedState { SavedState(kind: Self.kind) }
    public init(state: SavedState) {}
}
