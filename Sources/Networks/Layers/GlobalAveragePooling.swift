import Tensors

/// The mean over all positions: `[height, width, channels]` to `[1, 1, channels]`.
public struct GlobalAveragePooling: Layer {
    public static let kind = "global-average-pooling"

    public init() {}

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let shape = try Self.onlyShape(of: shapes)
        guard shape.count == 3 else {
            throw .unfit(layer: Self.kind, found: shapes, expected: "an image")
        }
        return [1, 1, shape[2]]
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y.assignMeans(of: x[0], threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        if wants[0] { inputGradients[0].assignSpread(of: dy, threads: pass.threads) }
    }

    public func paddingValue(behind value: Float) -> Float { 0 }

    public var state: SavedState { SavedState(kind: Self.kind) }
    public init(state: SavedState) {}
}
