import Tensors

/// Some consecutive channels of the input.
public struct Slice: Layer {
    public static let kind = "slice"

    public let channels: Range<Int>

    public init(channels: Range<Int>) {
        self.channels = channels
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let shape = try Self.onlyShape(of: shapes)
        guard let count = shape.last, !channels.isEmpty, channels.lowerBound >= 0,
            channels.upperBound <= count
        else {
            throw .unfit(
                layer: Self.kind, found: shapes, expected: "one that has the channels \(channels)")
        }
        return shape.dropLast() + [channels.count]
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y.assignChannels(channels, of: x[0], at: 0, threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        guard wants[0] else { return }
        inputGradients[0].assignChannels(
            0..<channels.count, of: dy, at: channels.lowerBound, clearsOthers: true,
            threads: pass.threads)
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = ["first": Double(channels.lowerBound), "end": Double(channels.upperBound)]
        return state
    }

    public init(state: SavedState) throws {
        let first = try state.integer("first", in: 0...SavedState.largestSize - 1)
        channels = first..<(try state.integer("end", in: first + 1...SavedState.largestSize))
    }
}
