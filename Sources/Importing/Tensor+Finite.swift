import Tensors

extension Tensor {
    /// The first element that is infinite or not a number.
    var firstNotFinite: Int? { withUnsafeElements { $0.firstIndex { !$0.isFinite } } }
}
