import Tensors

/// A tensor that training changes, with the gradient of the loss with respect to it.
public struct Variable: Sendable {
    public var value: Tensor
    /// Same shape as `value`; every backward pass overwrites it.
    public var gradient: Tensor
    /// Whether weight decay shrinks it: true for weights, false for biases, step sizes and offsets.
    public var decays: Bool
    /// By which share of itself a training step moves a value, at most; for values that must stay
    /// positive. `nil`: no limit.
    public var largestChange: Float?

    public init(_ value: Tensor, decays: Bool) {
        self.value = value
        gradient = Tensor(shape: value.shape)
        self.decays = decays
    }
}
