import Tensors

/// `exp(x) / Σ exp(x)` over the last dimension: the features, or the channels of each position.
public struct Softmax: Layer {
    public static let kind = "softmax"

    public init() {}

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let shape = try Self.onlyShape(of: shapes)
        guard !shape.isEmpty else {
            throw .unfit(layer: Self.kind, found: shapes, expected: "at least one dimension")
        }
        return shape
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y.assignSoftmax(of: x[0], threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        guard wants[0] else { return }
        inputGradients[0].assignSoftmaxGradient(dy, output: output, threads: pass.threads)
    }

    public func paddingValue(behind value: Float) -> Float { 0 }
    public var state: SavedState { SavedState(kind: Self.kind) }
    public init(state: SavedState) {}
}
