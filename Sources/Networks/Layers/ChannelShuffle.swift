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
        try Self.onlyShape(of: shapes)
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
