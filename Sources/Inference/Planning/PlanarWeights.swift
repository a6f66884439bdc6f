import CIntegerKernels

/// The weights of a convolution, or of a fully connected layer for a batch, packed for planes.
///
/// Its geometry says where the plane that a weight reads starts. The layouts are written down in
/// `CIntegerKernels.h`.
enum PlanarWeights: Sendable {
    case fours(FourPlanarWeights)
    case sparse(SparsePlanarWeights)
    case dense(DensePlanarWeights)
    case depthwise(DepthwisePlanarWeights)

    /// Packs for the kernel that is estimated to be the fastest; `highest` is the largest byte read.
    init(
        _ weights: SparseRows, geometry: PlaneGeometry, highest: Int32, bound: Int,
        costs: cik_costs, preference: KernelPreference
    ) {
        let steps = Double(SparsePlanarWeights.steps(of: weights)) * costs.spmm_step
        let blocks = FourPlanarWeights.blocks(of: weights, geometry: geometry, bound: bound)
        let fours =
            FourPlanarWeights.canHold(weights, highest: highest)
            ? FourPlanarWeights.Counts(weights, blocks: blocks).cost(costs) : .infinity
        let isDepthwise =
            geometry.groups > 1 && geometry.groups == weights.outputs
            && geometry.channelsInGroup == 1
        let dense =
            Double(weights.outputs * weights.columnCount)
            * (isDepthwise ? costs.depthwise_weight : costs.gemm_weight)
        if preference.choosesSparse(sparse: min(steps, fours), dense: dense) {
            self =
                fours <= steps
                ? .fours(
                    .init(
                        weights, geometry: geometry, blocks: blocks, highest: highest, bound: bound)
                )
                : .sparse(.init(weights, geometry: geometry))
        } else if isDepthwise {
            self = .depthwise(.init(weights, geometry: geometry))
        } else {
            self = .dense(.init(weights, geometry: geometry))
        }
    }

    /// Nanoseconds for one tile of all outputs, without the rounding.
    func cost(_ costs: cik_costs) -> Double {
        switch self {
        case .fours(let weights): weights.counts.cost(costs)
        case .sparse(let weights): Double(weights.steps) * costs.spmm_step
        case .dense(let weights): Double(weights.count) * costs.gemm_weight
        case .depthwise(let weights): Double(weights.count) * costs.depthwise_weight
        }
    }

    var byteCount: Int {
        switch self {
        case .fours(let weights): weights.byteCount
        case .sparse(let weights): weights.byteCount
        case .dense(let weights): weights.byteCount
        case .depthwise(let weights): weights.byteCount
        }
    }
}

/// Nonzeros four by four in any order. Offsets count from the first plane of all, so that outputs of
/// several groups of channels can be run together.
final class SparsePlanarWeights: @unchecked Sendable {
    let view: cik_spmm_weights
    let steps: Int
    private let buffers: [AlignedBuffer]

    var byteCount: Int { buffers.reduce(0) { $0 + $1.byteCount } }

    init(_ weights: SparseRows, geometry: PlaneGeometry) {
        steps = Self.steps(of: weights)
        var firstStep: [UInt32] = [0]
        var offsets: [UInt32] = []
        var levels: [Int8] = []
        offsets.reserveCapacity(4 * steps)
        levels.reserveCapacity(4 * steps)
        for output in 0..<weights.outputs {
            let start = geometry.start(of: output, outputs: weights.outputs)
            for i in weights.starts[output]..<weights.starts[output + 1] {
                offsets.append(geometry.offsets[Int(weights.columns[i])] + start)
                levels.append(weights.levels[i])
            }
            while !offsets.count.isMultiple(of: 4) {
                offsets.append(start)
                levels.append(0)
            }
            firstStep.append(UInt32(offsets.count / 4))
        }
        buffers = [AlignedBuffer(firstStep), AlignedBuffer(offsets), AlignedBuffer(levels)]
        view = cik_spmm_weights(
            first_step: buffers[0].pointer(to: UInt32.self),
            offsets: buffers[1].pointer(to: UInt32.self),
            levels: buffers[2].pointer(to: Int8.self))
    }

    static func steps(of weights: SparseRows) -> Int {
        (0..<weights.outputs).reduce(0) {
            $0 + (weights.starts[$1 + 1] - weights.starts[$1] + 3) / 4
        }
    }
}

/// Rows of int8 levels, each a multiple of 4 long, and one list of offsets for all. Offsets count from
/// the first plane of an output's group of channels: groups are run one by one.
final class DensePlanarWeights: @unchecked Sendable {
    let view: cik_gemm_weights
    /// Weights, zeros included.
    let count: Int
    private let buffers: [AlignedBuffer]

    var byteCount: Int { buffers.reduce(0) { $0 + $1.byteCount } }

    /// Positions from one group's first plane to that of the next.
    let groupStride: Int
    let outputsInGroup: Int

    init(_ weights: SparseRows, geometry: PlaneGeometry) {
        let offsets = geometry.offsets
        groupStride = geometry.groupStride
        outputsInGroup = weights.outputs / geometry.groups
        count = weights.outputs * weights.columnCount
        let stride = roundedUp(weights.columnCount, to: 4)
        let rows = denseRows(weights, stride: stride)
        let padded = AlignedBuffer(offsets + [UInt32](repeating: 0, count: stride - offsets.count))
        buffers = [rows, padded]
        view = cik_gemm_weights(
            stride: stride, weights: rows.pointer(to: Int8.self),
            offsets: padded.pointer(to: UInt32.self))
    }
}

/// Runs of four consecutive positions of a channel, for one channel an output.
final class DepthwisePlanarWeights: @unchecked Sendable {
    let view: cik_depthwise_weights
    /// Weights, zeros included.
    let count: Int
    private let buffers: [AlignedBuffer]

    var byteCount: Int { buffers.reduce(0) { $0 + $1.byteCount } }

    init(_ weights: SparseRows, geometry: PlaneGeometry) {
        count = weights.outputs * weights.columnCount
        var runs: [UInt32] = []
        for offset in geometry.offsets.sorted() where runs.isEmpty || offset > runs.last! + 3 {
            runs.append(offset)
        }
        // The place of each tap inside an output's runs.
        let places = geometry.offsets.map { offset in
            let run = runs.lastIndex { $0 <= offset }!
            return 4 * run + Int(offset - runs[run])
        }
        var rows = [Int8](repeating: 0, count: weights.outputs * runs.count * 4)
        for output in 0..<weights.outputs {
            for i in weights.starts[output]..<weights.starts[output + 1] {
                rows[output * runs.count * 4 + places[Int(weights.columns[i])]] = weights.levels[i]
            }
        }
        buffers = [AlignedBuffer(rows), AlignedBuffer(runs)]
        view = cik_depthwise_weights(
            runs: runs.count, weights: buffers[0].pointer(to: Int8.self),
            offsets: buffers[1].pointer(to: UInt32.self), plane_stride: geometry.groupStride)
    }
}
