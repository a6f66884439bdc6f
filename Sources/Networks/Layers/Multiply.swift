import Tensors

/// `x · gate`: the second input is of the first one's shape, or `[1, 1, channels]`, which is
/// broadcast over space (squeeze-and-excitation, Hu et al. 2018).
public struct Multiply: Layer {
    public static let kind = "multiply"

    public init() {}

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        guard shapes.count == 2, !shapes[0].isEmpty,
            shapes[1] == shapes[0] || shapes[0].count == 3 && shapes[1] == [1, 1, shapes[0][2]]
        else {
            throw .unfit(
                layer: Self.kind, found: shapes,
                expected: "two of one shape, or [height, width, channels] and [1, 1, channels]")
        }
        return shapes[0]
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        if x[0].shape == x[1].shape {
            y.assignProduct(x[0], x[1], threads: pass.threads)
        } else {
            y.assignGated(x[0], by: x[1], threads: pass.threads)
        }
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        let threads = pass.threads
        if x[0].shape == x[1].shape {
            for slot in 0...1 where wants[slot] {
                inputGradients[slot].assignProduct(dy, x[1 - slot], threads: threads)
            }
        } else {
            if wants[0] { inputGradients[0].assignGated(dy, by: x[1], threads: threads) }
            if wants[1] { inputGradients[1].assignGateGradient(x[0], dy, threads: threads) }
        }
    }

    public func paddingValue(behind value: Float) -> Float { 0 }
    public var state: SavedState { SavedState(kind: Self.kind) }
    public init(state: SavedState) {}
}
