import CIntegerKernels

/// The weights of a convolution, or of a fully connected layer for a batch, packed for planes.
///
/// Its geometry says where the plane that a weight reads starts. The layouts are written down in
/// `CIntegerKernels.h`.
enum PlanarWeights: Sendable {
    case sparse(SparsePlanarWeights)
    case dense(DensePlanarWeights)

    /// Packs for whichever kernel is estimated to be faster; `highest` is the largest byte read.
    init(
        _ weights: SparseRows, geometry: PlaneGeometry, highest: Int32, bound: Int,
        costs: cik_costs, preference: KernelPreference
    ) {
        let sparse = Self.sparseCost(weights, highest: highest, costs: costs)
        let dense = Double(weights.outputs * weights.columnCount) * costs.gemm_term
        self =
            preference.choosesSparse(sparse: sparse, dense: dense)
            ? .sparse(.init(weights, geometry: geometry, highest: highest, bound: bound))
            : .dense(.init(weights, geometry: geometry))
    }

    /// Nanoseconds for one tile of all outputs.
    static func sparseCost(_ weights: SparseRows, highest: Int32, costs: cik_costs) -> Double {
        let term = highest < 64 ? costs.spmm_narrow_term : costs.spmm_wide_term
        var groups = 0
        for output in 0..<weights.outputs {
            groups += Set(weights.levels[weights.starts[output]..<weights.starts[output + 1]]).count
        }
        return Double(weights.nonzeros) * term + Double(groups) * costs.spmm_group
    }
}

/// Nonzeros of an output grouped by level. Offsets count from the first plane of all, so that outputs
/// of several groups of channels can be run together.
final class SparsePlanarWeights: @unchecked Sendable {
    let view: cik_spmm_weights
    private let buffers: [AlignedBuffer]

    var byteCount: Int { buffers.reduce(0) { $0 + $1.byteCount } }

    init(_ weights: SparseRows, geometry: PlaneGeometry, highest: Int32, bound: Int) {
        var firstGroup: [UInt32] = [0]
        var firstTerm: [UInt32] = [0]
        var levels: [Int8] = []
        var terms: [UInt32] = []
        terms.reserveCapacity(weights.nonzeros)
        for output in 0..<weights.outputs {
            let start = output / (weights.outputs / geometry.groups) * geometry.groupStride
            for group in weights.groups(of: output) {
                levels.append(group.level)
                terms += group.columns.map { geometry.offsets[Int($0)] + UInt32(start) }
                firstTerm.append(UInt32(terms.count))
            }
            firstGroup.append(UInt32(levels.count))
        }
        let parts = (
            AlignedBuffer(firstGroup), AlignedBuffer(levels), AlignedBuffer(firstTerm),
            AlignedBuffer(terms)
        )
        buffers = [parts.0, parts.1, parts.2, parts.3]
        view = cik_spmm_weights(
            first_group: parts.0.pointer(to: UInt32.self), levels: parts.1.pointer(to: Int8.self),
            first_term: parts.2.pointer(to: UInt32.self), offsets: parts.3.pointer(to: UInt32.self),
            highest: highest, bound: Int32(bound))
    }
}

/// Rows of int8 levels, each a multiple of 4 long, and one list of offsets for all. Offsets count from
/// the first plane of an output's group of channels: groups are run one by one.
final class DensePlanarWeights: @unchecked Sendable {
    let view: cik_gemm_weights
    private let buffers: [AlignedBuffer]

    var byteCount: Int { buffers.reduce(0) { $0 + $1.byteCount } }

    /// Positions from one group's first plane to that of the next.
    let groupStride: Int
    let outputsInGroup: Int

    init(_ weights: SparseRows, geometry: PlaneGeometry) {
        let offsets = geometry.offsets
        groupStride = geometry.groupStride
        outputsInGroup = weights.outputs / geometry.groups
        let stride = roundedUp(weights.columnCount, to: 4)
        let rows = denseRows(weights, stride: stride)
        let padded = AlignedBuffer(offsets + [UInt32](repeating: 0, count: stride - offsets.count))
        buffers = [rows, padded]
        view = cik_gemm_weights(
            stride: stride, weights: rows.pointer(to: Int8.self),
            offsets: padded.pointer(to: UInt32.self))
    }
}
