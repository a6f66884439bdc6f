import CIntegerKernels

/// Nonzeros of an output in groups of one level, two groups a step, for each block of channels: groups
/// of four, then groups of two of what is left over, then of one. They lie in one stream of bytes, in the
/// order in which they are read.
final class GroupedPlanarWeights: @unchecked Sendable {
    /// Terms of a group in the steps of each size.
    static let groups = (0..<Int(CIK_STEP_SIZES)).map { cik_group($0) }

    /// How many steps of each size all outputs have.
    struct Counts: Sendable {
        var steps = [Int](repeating: 0, count: GroupedPlanarWeights.groups.count)
        private let outputs: Int
        private let blocks: ChannelBlocks

        init(_ weights: SparseRows, blocks: ChannelBlocks) {
            outputs = weights.outputs
            self.blocks = blocks
            for block in blocks.columns {
                for output in 0..<weights.outputs {
                    let row = Self.ofRow(weights, weights.range(of: block, in: output))
                    for size in steps.indices { steps[size] += row[size] }
                }
            }
        }

        /// How many steps of each size some nonzeros of an output make.
        static func ofRow(_ weights: SparseRows, _ nonzeros: Range<Int>) -> [Int] {
            var terms = weights.histogram(of: nonzeros)
            return groups.map {
                $0 > 1 ? takeSteps(of: $0, from: &terms) : (terms.reduce(0, +) + 1) / 2
            }
        }

        /// How many steps the terms of each level make; leaves the others. An odd group is left over,
        /// too: which one does not matter to the count of smaller groups.
        private static func takeSteps(of group: Int, from terms: inout [Int]) -> Int {
            var found = 0
            for level in terms.indices {
                found += terms[level] / group
                terms[level] %= group
            }
            if !found.isMultiple(of: 2) { terms[0] += group }
            return found / 2
        }

        /// Nanoseconds for one tile.
        func cost(_ costs: cik_costs) -> Double {
            let ofStep = [
                costs.spmm_group_step.0, costs.spmm_group_step.1, costs.spmm_group_step.2,
            ]
            let all = zip(steps, ofStep).reduce(0) { $0 + Double($1.0) * $1.1 }
            return blocks.cost(ofSteps: all, outputs: outputs, costs)
        }

        /// Of the rows.
        var rowBytes: Int {
            let counts = blocks.count * outputs * steps.count * MemoryLayout<UInt32>.stride
            return steps.indices.reduce(counts) {
                $0 + steps[$1] * cik_step_bytes($1, blocks.offsetBytes)
            }
        }

        var byteCount: Int { rowBytes + blocks.byteCountBesideRows(outputs: outputs) }
    }

    let view: cik_grouped_weights
    private let rows: PlanarRows

    /// Whether four bytes fit a byte, and the products of a step 16 bits.
    static func canHold(_ weights: SparseRows, highest: Int32) -> Bool {
        highest <= 63 && largestStep(weights, highest: highest) <= Int(Int16.max)
    }

    private static func largestStep(_ weights: SparseRows, highest: Int32) -> Int {
        8 * Int(highest) * Int(weights.levels.lazy.map(\.magnitude).max() ?? 0)
    }

    /// Packs the rows of a layer, which have so many steps.
    ///
    /// - Parameters:
    ///   - highest: the largest byte read.
    ///   - bound: the largest accumulator.
    ///   - epilogue: says how outputs may be ordered; without it they keep their order.
    init(
        _ weights: SparseRows, geometry: PlaneGeometry, blocks: ChannelBlocks, _ counts: Counts,
        highest: Int32, bound: Int, before epilogue: Epilogue?
    ) {
        let order = RowOrder.of(weights, geometry, before: epilogue) {
            Counts.ofRow(weights, weights.range(of: blocks.columns[0], in: $0))
        }
        rows = PlanarRows(blocks: blocks, order: order, byteCount: counts.rowBytes) {
            columns, output, start, row in
            let terms = weights.sortedByLevel(weights.range(of: columns, in: output))
            Self.append(
                terms.map {
                    Term(offset: geometry.offsets[Int($0.column)] - start, level: $0.level)
                },
                to: &row)
        }
        view = cik_grouped_weights(
            rows: rows.view,
            steps_in_16_bits: Int(Int16.max) / max(Self.largestStep(weights, highest: highest), 1),
            bound: Int32(bound))
    }

    private struct Term {
        var offset: UInt32
        var level: Int8
    }

    /// Appends the row of some terms, which are sorted by level.
    private static func append(_ terms: [Term], to row: inout PlanarRows.Writer) {
        var left = terms
        let sizes = groups.map { $0 > 1 ? takeGroups(of: $0, from: &left) : ones(left) }
        for (group, terms) in zip(groups, sizes) { row.append(count: terms.count / (2 * group)) }
        for (group, terms) in zip(groups, sizes) {
            for step in stride(from: 0, to: terms.count, by: 2 * group) {
                for term in terms[step..<step + 2 * group] { row.append(offset: term.offset) }
                row.append(level: terms[step].level)
                row.append(level: terms[step + group].level)
            }
        }
    }

    /// Takes an even number of groups, one behind the other, out of terms.
    private static func takeGroups(of group: Int, from terms: inout [Term]) -> [Term] {
        var (taken, left): ([Term], [Term]) = ([], [])
        var start = 0
        while start < terms.count {
            if start + group <= terms.count, terms[start].level == terms[start + group - 1].level {
                taken += terms[start..<start + group]
                start += group
            } else {
                left.append(terms[start])
                start += 1
            }
        }
        if !taken.count.isMultiple(of: 2 * group) {
            left += taken.suffix(group)
            taken.removeLast(group)
            // The odd group's level may stand in front.
            left.sort { ($0.level, $0.offset) < ($1.level, $1.offset) }
        }
        terms = left
        return taken
    }

    /// Terms by themselves, an even number.
    private static func ones(_ terms: [Term]) -> [Term] {
        let sorted = terms.sorted { $0.offset < $1.offset }
        return sorted.count.isMultiple(of: 2) ? sorted : sorted + [Term(offset: 0, level: 0)]
    }
}
