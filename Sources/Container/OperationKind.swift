import PackedModel

/// The numbers of operations in a file.
enum OperationKind: Int {
    case linear = 1
    case convolution, maxPooling, flatten
}

extension PackedOperation {
    var kind: OperationKind {
        switch self {
        case .linear: .linear
        case .convolution: .convolution
        case .maxPooling: .maxPooling
        case .flatten: .flatten
        default: fatalError("not yet")
        }
    }

    /// The layer of an operation that has weights.
    var layer: PackedLayer? {
        get {
            switch self {
            case .linear(let layer), .convolution(let layer, _): layer
            case .maxPooling, .flatten: nil
            default: fatalError("not yet")
            }
        }
        set {
            guard let newValue else { return }
            switch self {
            case .linear: self = .linear(newValue)
            case .convolution(_, let window): self = .convolution(newValue, window)
            case .maxPooling, .flatten: break
            default: fatalError("not yet")
            }
        }
    }
}
