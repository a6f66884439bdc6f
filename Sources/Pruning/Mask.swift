import Networks
import Tensors

/// Keeps pruned weights at zero: the effective weight is the weight where the mask is 1, else 0.
///
/// It stands last in a parameter's chain.
public struct Mask: Parametrization, Equatable {
    public static let kind = "mask"

    /// One byte a weight in the layout of the effective tensor: 1 stays, 0 is pruned.
    public let bytes: [UInt8]
    /// Whether pruned weights go on being trained, so that they can come back when the mask is made
    /// anew: they get the gradient of the zero that stands for them (Guo et al. 2016, arXiv
    /// 1608.04493, eq. 3; Lin et al. 2020, arXiv 2006.07253).
    public var regrows: Bool

    public init(bytes: [UInt8], regrows: Bool = false) {
        precondition(bytes.allSatisfy { $0 <= 1 }, "a mask holds zeros and ones only")
        self.bytes = bytes
        self.regrows = regrows
    }

    /// Keeps what both keep.
    public func intersection(_ other: Mask) -> Mask {
        precondition(bytes.count == other.bytes.count, "masks of two shapes")
        return Mask(bytes: zip(bytes, other.bytes).map { $0 & $1 }, regrows: regrows)
    }

    public var keptCount: Int { bytes.reduce(0) { $0 + Int($1) } }
    /// The share of weights that are pruned.
    public var sparsity: Double {
        bytes.isEmpty ? 0 : Double(bytes.count - keptCount) / Double(bytes.count)
    }

    public func requireFit(to shape: [Int]) throws(SavedStateError) {
        guard bytes.count == shape.reduce(1, *) else {
            throw .wrongShape(
                kind: Self.kind, field: "mask", found: [bytes.count], expected: shape)
        }
    }

    public func apply(to value: Tensor, into effective: inout Tensor, threads: Int) {
        effective.assign(value, where: bytes, threads: threads)
    }

    public func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor,
        threads: Int
    ) {
        if regrows {
            valueGradient.assign(effectiveGradient)
        } else {
            valueGradient.assign(effectiveGradient, where: bytes, threads: threads)
        }
    }

    /// Sets pruned elements to zero.
    public func clear(_ weights: inout Tensor) { weights.clear(whereZero: bytes) }

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.numbers = ["regrows": regrows ? 1 : 0]
        state.bytes = ["mask": bytes]
        return state
    }

    public init(state: SavedState) throws {
        let bytes = try state.bytes("mask")
        if let wrong = bytes.first(where: { $0 > 1 }) {
            throw SavedStateError.outOfRange(
                kind: Self.kind, field: "mask", found: Double(wrong), range: 0...1)
        }
        self.init(bytes: bytes, regrows: try state.integer("regrows", in: 0...1) == 1)
    }
}

extension Parameter {
    /// Puts a mask last in the chain, in place of one that is there, and clears what it prunes.
    public mutating func prune(with mask: Mask) {
        setChain(chain.filter { !($0 is Mask) } + [mask])
        clearPruned()
    }

    /// Sets trained weights to zero that are pruned for good.
    ///
    /// The momentum that they had when they were pruned goes on moving them for a while, unseen behind
    /// the mask; hence once more when a training is over.
    public mutating func clearPruned() {
        guard let mask = parametrization(Mask.self), !mask.regrows else { return }
        // Behind a codebook, which gives every tensor the layer's shape, centroids are trained.
        guard chain.allSatisfy({ $0.effectiveShape(of: []).isEmpty }) else { return }
        mask.clear(&trained.value)
        updateEffective()
    }
}
