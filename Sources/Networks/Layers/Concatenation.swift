import Tensors

/// Inputs of one height and width behind each other, along the channels.
public struct Concatenation: Layer {
    public static let kind = "concatenation"

    public init() {}

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        guard let first = shapes.first, !first.isEmpty,
            shapes.allSatisfy({ !$0.isEmpty && $0.dropLast() == first.dropLast() })
        else {
            throw .unfit(
                layer: Self.kind, found: shapes, expected: "sizes that differ only in the channels")
        }
        var channels = 0
        for shape in shapes {
            let (sum, overflows) = channels.addingReportingOverflow(shape.last!)
            guard !overflows else {
                throw .unfit(layer: Self.kind, found: shapes, expected: "fewer channels")
            }
            channels = sum
        }
        return first.dropLast() + [channels]
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        var first = 0
        for input in x {
            let channels = input.shape.last!
            y.assignChannels(0..<channels, of: input, at: first, threads: pass.threads)
            first += channels
        }
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        var first = 0
        for slot in x.indices {
            let channels = first..<first + x[slot].shape.last!
            if wants[slot] {
                inputGradients[slot].assignChannels(channels, of: dy, at: 0, threads: pass.threads)
            }
            first = channels.upperBound
        }
    }

    /// The inputs may stand on grids whose zeros differ.
    public func paddingValue(behind value: Float) -> Float { 0 }
    public var state: SavedState { SavedState(kind: Self.kind) }
    public init(state: SavedState) {}
}
