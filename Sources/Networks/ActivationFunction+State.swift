import Tensors

extension ActivationFunction {
    func save(to state: inout SavedState) {
        switch self {
        case .identity: state.numbers["activation"] = 0
        case .relu: state.numbers["activation"] = 1
        case .clip(let lowest, let highest):
            state.numbers["activation"] = 2
            // JSON has no infinity.
            let limit = Float.greatestFiniteMagnitude
            state.numbers["lowest"] = Double(max(lowest, -limit))
            state.numbers["highest"] = Double(min(highest, limit))
        case .leakyReLU(let slope):
            state.numbers["activation"] = 3
            state.numbers["slope"] = Double(slope)
        case .sigmoid: state.numbers["activation"] = 4
        case .hardSigmoid: state.numbers["activation"] = 5
        case .silu: state.numbers["activation"] = 6
        case .hardSwish: state.numbers["activation"] = 7
        }
    }

    init(state: SavedState) throws(SavedStateError) {
        switch try state.integer("activation", in: 0...7) {
        case 0: self = .identity
        case 1: self = .relu
        case 2:
            self = .clip(
                lowest: try state.float("lowest"), highest: try state.float("highest"))
        case 3: self = .leakyReLU(slope: try state.float("slope"))
        case 4: self = .sigmoid
        case 5: self = .hardSigmoid
        case 6: self = .silu
        default: self = .hardSwish
        }
    }
}

extension SavedState {
    /// A tensor that has to have a shape.
    func tensor(_ name: String, shape: [Int]) throws(SavedStateError) -> Tensor {
        let tensor = try tensor(name)
        guard tensor.shape == shape else {
            throw .wrongShape(kind: kind, field: name, found: tensor.shape, expected: shape)
        }
        return tensor
    }
}
