import Tensors

/// A function of single values with variables of its own, computed piece by piece.
public protocol ElementwiseFunction {
    /// Sums that a backward pass makes.
    var sumCount: Int { get }

    /// `y = f(x)` of `count` values.
    func forward(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int)

    /// Puts the gradient of `x` in the place of that of `y`, and writes `sumCount` sums.
    func backward(
        _ x: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>, count: Int,
        sums: UnsafeMutablePointer<Double>)
}

/// A layer that is such a function, alone or with the followers that it takes over, so that a
/// normalization before it can take it over: what lies between them stays in the cache.
public protocol ElementwiseHead: ChainHead {
    /// Whether it is, as it is set now.
    var worksByPieces: Bool { get }

    /// That of the layer and those followers that it takes over.
    func function(through followers: ArraySlice<Network.Node>) -> any ElementwiseFunction

    /// Writes the gradients of all variables.
    ///
    /// - Parameters:
    ///   - sums: of the backward passes of all pieces.
    ///   - input: of the same shape as what the layer reads.
    mutating func setGradients(
        _ sums: [Double], through followers: inout ArraySlice<Network.Node>, input: Tensor)
}
