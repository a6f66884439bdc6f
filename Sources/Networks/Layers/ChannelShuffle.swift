import Tensors

/// Channels seen as `[groups, channels / groups]` and transposed (Zhang et al. 2018, section 3.1):
/// output channel `i · groups + g` is input channel `g · (channels / groups) + i`.
public struct ChannelShuffle: Layer {
    public static let kind = "channel-shuffle"

    public let groups: Int

    public init(groups: Int) {
        self.groups = groups
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let shape = try Self.onlyShape(of: shapes)
        guard groups > 0, let channels = shape.last, channels % groups == 0 else {
            throw .unfit(
                layer: Self.kind, found: shapes, expected: "channels for \(groups) equal groups")
        }
        return shape
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y.assignShuffled(x[0], groups: groups, threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        guard wants[0] else { return }
        inputGradients[0].assignShuffled(
            dy, groups: dy.shape.last! / groups, threads: pass.threads)
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers["groups"] = Double(groups)
        return state
    }

    public init(state: SavedState) throws {
        groups = try state.integer("groups", in: 1...SavedState.largestSize)
    }
}
