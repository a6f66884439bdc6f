import CIntegerKernels

/// Which kernel over planes a layer gets, what that costs, and how large its weights are, found out
/// without packing them.
struct PlanarChoice: Sendable {
    enum Kind: Sendable {
        case grouped(blocks: ChannelBlocks, GroupedPlanarWeights.Counts)
        case sparse(blocks: ChannelBlocks, SparsePlanarWeights.Counts)
        case dense(weights: Int)
        /// `direct` is for one sample; blocks of a batch have another kernel.
        case depthwise(weights: Int, direct: DirectWindow?)
    }

    let kind: Kind
    /// Packed weights, in bytes.
    let byteCount: Int

    /// The kernel that is estimated to be the fastest; `highest` is the largest byte read.
    init(
        _ weights: SparseRows, geometry: PlaneGeometry, highest: Int32, bound: Int,
        costs: cik_costs, preference: KernelPreference
    ) {
        let dense = Self.dense(weights, geometry: geometry)
        let sparse = Self.sparse(weights, geometry: geometry, highest: highest, bound: bound)
            .min { Self.cost($0, costs) < Self.cost($1, costs) }
        if let sparse, geometry.direct == nil,
            preference.choosesSparse(
                sparse: Self.cost(sparse, costs), dense: Self.cost(dense, costs))
        {
            kind = sparse
        } else {
            kind = dense
        }
        byteCount = Self.byteCount(of: kind, weights, geometry: geometry)
    }

    /// Nanoseconds for one tile of all outputs, without the rounding.
    func cost(_ costs: cik_costs, inBlock: Bool = false) -> Double {
        if inBlock, case .depthwise(let weights, _) = kind {
            return Self.cost(.depthwise(weights: weights, direct: nil), costs)
        }
        return Self.cost(kind, costs)
    }

    var isSparse: Bool {
        switch kind {
        case .grouped, .sparse: true
        case .dense, .depthwise: false
        }
    }

    /// The name without its variant of the kernel for one sample, and how it sees the weights.
    var kernel: (name: String, layout: String) {
        switch kind {
        case .depthwise(_, .some): ("u8_s8_depthwise_direct", "runs of four, 8-bit levels")
        default: blockKernel
        }
    }

    /// The same for blocks of a batch.
    var blockKernel: (name: String, layout: String) {
        switch kind {
        case .grouped: ("u6_s8_spmm", "groups of one level")
        case .sparse: ("u8_s8_spmm", "four by four")
        case .dense: ("u8_s8_gemm", "rows, 8-bit levels")
        case .depthwise: ("u8_s8_depthwise", "runs of four, 8-bit levels")
        }
    }

    private static func dense(_ weights: SparseRows, geometry: PlaneGeometry) -> Kind {
        let isDepthwise =
            geometry.groups > 1 && geometry.groups == weights.outputs
            && geometry.channelsInGroup == 1
        let count = weights.outputs * weights.columnCount
        return isDepthwise
            ? .depthwise(weights: count, direct: geometry.direct?.window)
            : .dense(weights: count)
    }

    /// The sparse kernels that can hold the weights, the one that wins a tie first.
    private static func sparse(
        _ weights: SparseRows, geometry: PlaneGeometry, highest: Int32, bound: Int
    ) -> [Kind] {
        let sparse = ChannelBlocks.candidates(weights, geometry: geometry, isKept: true)
            .map { Kind.sparse(blocks: $0, .init(weights, blocks: $0)) }
        guard GroupedPlanarWeights.canHold(weights, highest: highest) else { return sparse }
        let blocks = ChannelBlocks.candidates(
            weights, geometry: geometry, isKept: bound <= Int16.max)
        return blocks.map { .grouped(blocks: $0, .init(weights, blocks: $0)) } + sparse
    }

    private static func cost(_ kind: Kind, _ costs: cik_costs) -> Double {
        switch kind {
        case .grouped(_, let counts): counts.cost(costs)
        case .sparse(_, let counts): counts.cost(costs)
        case .dense(let weights): Double(weights) * costs.gemm_weight
        case .depthwise(let weights, let direct):
            Double(weights) * (direct?.cost(costs) ?? costs.depthwise_weight)
        }
    }

    private static func byteCount(
        of kind: Kind, _ weights: SparseRows, geometry: PlaneGeometry
    ) -> Int {
        switch kind {
        case .grouped(_, let counts): counts.byteCount
        case .sparse(_, let counts): counts.byteCount
        case .dense: (weights.outputs + 4) * roundedUp(weights.columnCount, to: 4)
        case .depthwise:
            DepthwisePlanarWeights.runs(geometry).count * 4 * (weights.outputs + 1)
                + (geometry.direct.map {
                    DirectWeights.byteCount(outputs: weights.outputs, $0)
                } ?? 0)
        }
    }
}
