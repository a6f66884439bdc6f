import CIntegerKernels

/// The weights of a convolution, or of a fully connected layer for a batch, packed for planes.
///
/// Its geometry says where the plane that a weight reads starts, counted from the first plane of its
/// group of channels: groups are run one by one. The layouts are written down in `CIntegerKernels.h`.
enum PlanarWeights: Sendable {
    case grouped(GroupedPlanarWeights)
    case sparse(SparsePlanarWeights)
    case dense(DensePlanarWeights)
    /// For blocks of a batch, and, if they are other ones, for one sample.
    case depthwise(DepthwisePlanarWeights, direct: DirectWeights?)

    /// Packs as `choice` says; `highest` is the largest byte read, `bound` the largest accumulator.
    /// `epilogue` tells in what order outputs may lie; without it they keep theirs.
    init(
        _ weights: SparseRows, _ choice: PlanarChoice, geometry: PlaneGeometry, highest: Int32,
        bound: Int, before epilogue: Epilogue? = nil
    ) {
        switch choice.kind {
        case .grouped(let blocks, let counts):
            self = .grouped(
                .init(
                    weights, geometry: geometry, blocks: blocks, counts, highest: highest,
                    bound: bound, before: epilogue))
        case .sparse(let blocks, let counts):
            self = .sparse(
                .init(weights, geometry: geometry, blocks: blocks, counts, before: epilogue))
        case .dense: self = .dense(.init(weights, geometry: geometry))
        case .depthwise:
            self = .depthwise(
                .init(weights, geometry: geometry),
                direct: geometry.direct.map { DirectWeights(weights, $0) })
        }
    }
}

extension PlanarWeights {
    /// Of a step that reads the values as they stand.
    var direct: DirectWeights? {
        if case .depthwise(_, let direct) = self { direct } else { nil }
    }
}

/// Rows of int8 levels, each a multiple of 4 long, and one list of offsets for all.
final class DensePlanarWeights: @unchecked Sendable {
    let view: cik_gemm_weights
    private let buffers: [AlignedBuffer]

    init(_ weights: SparseRows, geometry: PlaneGeometry) {
        let stride = roundedUp(weights.columnCount, to: 4)
        let filling = [UInt32](repeating: 0, count: stride - geometry.offsets.count)
        buffers = [
            denseRows(weights, stride: stride), AlignedBuffer(geometry.offsets + filling),
        ]
        view = cik_gemm_weights(
            stride: stride, weights: buffers[0].pointer(to: Int8.self),
            offsets: buffers[1].pointer(to: UInt32.self))
    }
}

/// Runs of four consecutive positions of a channel, for one channel an output.
final class DepthwisePlanarWeights: @unchecked Sendable {
    let view: cik_depthwise_weights
    private let buffers: [AlignedBuffer]

    init(_ weights: SparseRows, geometry: PlaneGeometry) {
        let runs = Self.runs(geometry)
        // The place of each tap inside an output's runs.
        let places = geometry.offsets.map { offset in
            let run = Self.run(of: offset, in: runs)
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

    /// The last run that does not begin behind an offset.
    private static func run(of offset: UInt32, in runs: [UInt32]) -> Int {
        var (run, end) = (0, runs.count)
        while end - run > 1 {
            let middle = (run + end) / 2
            if runs[middle] <= offset { run = middle } else { end = middle }
        }
        return run
    }

    /// Where the runs begin.
    static func runs(_ geometry: PlaneGeometry) -> [UInt32] {
        var runs: [UInt32] = []
        for offset in geometry.offsets.sorted() where runs.isEmpty || offset > runs.last! + 3 {
            runs.append(offset)
        }
        return runs
    }
}
