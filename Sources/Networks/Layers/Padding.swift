import Tensors

/// Real zeros around images: for what a convolution's symmetric padding can not express.
public struct Padding: Layer {
    public static let kind = "padding"

    public let top: Int
    public let left: Int
    public let bottom: Int
    public let right: Int

    /// The most positions on one side.
    private static let largest = 4096

    public init(top: Int, left: Int, bottom: Int, right: Int) {
        self.top = top
        self.left = left
        self.bottom = bottom
        self.right = right
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let shape = try Self.onlyShape(of: shapes)
        let sides = [top, left, bottom, right]
        guard shape.count == 3, sides.allSatisfy((0...Self.largest).contains) else {
            throw .unfit(
                layer: Self.kind, found: shapes,
                expected: "an image to be padded by \(sides), each in 0...\(Self.largest)")
        }
        return [shape[0] + top + bottom, shape[1] + left + right, shape[2]]
    }

    /// The padding carries what real zero has become, as that of convolutions does.
    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y.assignPadded(
            x[0], top: top, left: left, value: pass.paddingValue, threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        guard wants[0] else { return }
        inputGradients[0].assignCropped(dy, top: top, left: left, threads: pass.threads)
    }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = [
            "top": Double(top), "left": Double(left), "bottom": Double(bottom),
            "right": Double(right),
        ]
        return state
    }

    public init(state: SavedState) throws {
        let sizes = 0...Self.largest
        self.init(
            top: try state.integer("top", in: sizes), left: try state.integer("left", in: sizes),
            bottom: try state.integer("bottom", in: sizes),
            right: try state.integer("right", in: sizes))
    }
}
