/// The grid of 8 bits that spans the values of one sample, as ONNX's `DynamicQuantizeLinear` defines
/// it: the real value of code `q`, 0...255, is `scale · (q − zero)`.
///
///     scale = (max(values, 0) − min(values, 0)) / 255
///     zero  = clamp(round(−min(values, 0) / scale), 0, 255)
///     code  = clamp(round(x / scale) + zero, 0, 255)
///
/// in `Float` arithmetic with one rounding an operation, ties to even. Real zero has a code of its own.
public struct DynamicGrid: Sendable, Equatable {
    public let scale: Float
    public let zero: UInt8

    /// The grid for values of `lowest...highest`. Its scale is 1 where all of them are zero, or where
    /// they span more than a `Float` can say.
    public init(lowest: Float, highest: Float) {
        let (low, high) = (min(lowest, 0), max(highest, 0))
        let scale = (high - low) / 255
        guard scale.isNormal else {
            (self.scale, zero) = (1, 0)
            return
        }
        self.scale = scale
        zero = Self.clamped((-low / scale).rounded(.toNearestOrEven))
    }

    /// The code of a real value; 0 for what is not a number.
    public func code(_ x: Float) -> UInt8 {
        Self.clamped((x / scale).rounded(.toNearestOrEven) + Float(zero))
    }

    /// The real value of a code.
    public func value(_ code: UInt8) -> Float { scale * (Float(code) - Float(zero)) }

    private static func clamped(_ x: Float) -> UInt8 { x >= 0 ? UInt8(x > 255 ? 255 : x) : 0 }
}
