import CIntegerKernels

/// Nonzeros of an output four by four in the order of their columns, for each block of channels.
final class SparsePlanarWeights: @unchecked Sendable {
    /// Terms of a step.
    private static let terms = 4

    /// How many steps all outputs have.
    struct Counts: Sendable {
        private(set) var steps = 0
        private let outputs: Int
        private let blocks: ChannelBlocks

        init(_ weights: SparseRows, blocks: ChannelBlocks) {
            outputs = weights.outputs
            self.blocks = blocks
            for block in blocks.columns {
                for output in 0..<weights.outputs {
                    steps += Self.ofRow(weights.range(of: block, in: output))
                }
            }
        }

        /// How many steps some nonzeros of an output make.
        static func ofRow(_ nonzeros: Range<Int>) -> Int {
            (nonzeros.count + SparsePlanarWeights.terms - 1) / SparsePlanarWeights.terms
        }

        /// Nanoseconds for one tile.
        func cost(_ costs: cik_costs) -> Double {
            blocks.cost(ofSteps: Double(steps) * costs.spmm_step, outputs: outputs, costs)
        }

        /// Of the rows.
        var rowBytes: Int {
            blocks.count * outputs * MemoryLayout<UInt32>.stride
                + steps * cik_quad_bytes(blocks.offsetBytes)
        }

        var byteCount: Int { rowBytes + blocks.byteCountBesideRows(outputs: outputs) }
    }

    let view: cik_spmm_weights
    private let rows: PlanarRows

    /// Packs the rows of a layer, which have so many steps.
    ///
    /// - Parameter epilogue: says how outputs may be ordered; without it they keep their order.
    init(
        _ weights: SparseRows, geometry: PlaneGeometry, blocks: ChannelBlocks, _ counts: Counts,
        before epilogue: Epilogue?
    ) {
        let order = RowOrder.of(weights, geometry, before: epilogue) {
            [Counts.ofRow(weights.range(of: blocks.columns[0], in: $0))]
        }
        rows = PlanarRows(blocks: blocks, order: order, byteCount: counts.rowBytes) {
            columns, output, start, row in
            let nonzeros = weights.range(of: columns, in: output)
            row.append(count: Counts.ofRow(nonzeros))
            for first in stride(from: nonzeros.lowerBound, to: nonzeros.upperBound, by: Self.terms)
            {
                let step = first..<min(first + Self.terms, nonzeros.upperBound)
                let filling = Self.terms - step.count
                for i in step {
                    row.append(offset: geometry.offsets[Int(weights.columns[i])] - start)
                }
                for _ in 0..<filling { row.append(offset: 0) }
                for i in step { row.append(level: weights.levels[i]) }
                for _ in 0..<filling { row.append(level: 0) }
            }
        }
        view = cik_spmm_weights(rows: rows.view)
    }
}
