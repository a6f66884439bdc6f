import Tensors

/// What a layer computes with, as a function of what is trained: `effective = f(value)`.
///
/// Pruning, weight sharing and quantization are parametrizations: a mask times a weight, a centroid
/// chosen by a code, a weight rounded to a learned step. They compose; see `Parameter`.
public protocol Parametrization: Sendable {
    /// The word by which checkpoints name it, such as `mask`.
    static var kind: String { get }

    /// The shape of the effective tensor.
    func effectiveShape(of shape: [Int]) -> [Int]

    /// Throws unless it can be applied to tensors of this shape. A reader of files asks before it
    /// applies what a file holds: a mask of another size, or codes without a centroid.
    func requireFit(to shape: [Int]) throws(SavedStateError)

    /// Writes the effective tensor, which already has its shape. Results do not depend on the number
    /// of threads.
    func apply(to value: Tensor, into effective: inout Tensor, threads: Int)

    /// Writes the gradient with respect to `value`, and those of its own variables.
    /// - Parameters:
    ///   - value: what `apply` was given.
    ///   - effectiveGradient: the loss gradient with respect to the effective tensor.
    ///   - valueGradient: receives the gradient; already has the shape of `value`.
    ///   - threads: how many at most; results do not depend on it.
    mutating func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor,
        threads: Int)

    /// Visits the variables that it trains, such as `step`, always in the same order.
    mutating func visitVariables(_ visit: (String, inout Variable) -> Void)

    /// What a checkpoint keeps. `init(state:)` makes the same parametrization of it.
    var state: SavedState { get }
    init(state: SavedState) throws
}

extension Parametrization {
    public func effectiveShape(of shape: [Int]) -> [Int] { shape }
    public func requireFit(to shape: [Int]) throws(SavedStateError) {}

    /// The same on one thread.
    public func apply(to value: Tensor, into effective: inout Tensor) {
        apply(to: value, into: &effective, threads: 1)
    }

    /// The same on one thread.
    public mutating func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor
    ) {
        backpropagate(
            value: value, effectiveGradient: effectiveGradient, into: &valueGradient, threads: 1)
    }
    public mutating func visitVariables(_ visit: (String, inout Variable) -> Void) {}
}
