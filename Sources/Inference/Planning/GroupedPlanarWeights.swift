import CIntegerKernels

/// Nonzeros of an output in groups of one level, two groups a step, for each block of channels: groups
/// of four, then groups of two of what is left over, then of one.
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
                    var terms = weights.histogram(of: weights.range(of: block, in: output))
                    for (size, group) in GroupedPlanarWeights.groups.enumerated() where group > 1 {
                        steps[size] += Self.takeSteps(of: group, from: &terms)
                    }
                    steps[steps.count - 1] += (terms.reduce(0, +) + 1) / 2
                }
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
            return all * (blocks.isNear ? 1 : costs.spmm_far)
                + Double((blocks.count - 1) * outputs) * costs.spmm_block
        }

        /// Offsets and levels of the steps, where those of each block and output start, and blocks.
        var byteCount: Int {
            zip(steps, GroupedPlanarWeights.groups).reduce(blocks.count * 4) {
                $0 + $1.0 * (2 * $1.1 * blocks.offsetBytes + 2)
                    + (blocks.count * outputs + 1) * 4
            }
        }
    }

    let view: cik_grouped_weights
    private let buffers: [AlignedBuffer]

    /// Whether four bytes fit a byte, and the products of a step 16 bits.
    static func canHold(_ weights: SparseRows, highest: Int32) -> Bool {
        highest <= 63 && largestStep(weights, highest: highest) <= Int(Int16.max)
    }

    private static func largestStep(_ weights: SparseRows, highest: Int32) -> Int {
        8 * Int(highest) * Int(weights.levels.lazy.map(\.magnitude).max() ?? 0)
    }

    init(
        _ weights: SparseRows, geometry: PlaneGeometry, blocks: ChannelBlocks, highest: Int32,
        bound: Int
    ) {
        var sizes = Self.groups.map { Steps(group: $0) }
        for (columns, start) in zip(blocks.columns, blocks.starts) {
            for output in 0..<weights.outputs {
                var terms = weights.sortedByLevel(weights.range(of: columns, in: output)).map {
                    let offset = geometry.offsets[Int($0.column)] - start
                    return Term(offset: offset >> UInt32(blocks.shift), level: $0.level)
                }
                for size in sizes.indices { sizes[size].take(from: &terms) }
            }
        }
        let starts = AlignedBuffer(blocks.starts)
        let packed = sizes.map { $0.packed(offsetBytes: blocks.offsetBytes) }
        buffers = packed.flatMap { [$0.first, $0.offsets, $0.levels] } + [starts]
        let steps = packed.map {
            cik_steps(
                first: $0.first.pointer(to: UInt32.self), offsets: $0.offsets.base,
                levels: $0.levels.pointer(to: Int8.self))
        }
        view = cik_grouped_weights(
            outputs: weights.outputs, blocks: blocks.count,
            block_starts: starts.pointer(to: UInt32.self), steps: (steps[0], steps[1], steps[2]),
            offset_size: blocks.offsetBytes, shift: blocks.shift,
            steps_in_16_bits: Int(Int16.max) / max(Self.largestStep(weights, highest: highest), 1),
            bound: Int32(bound))
    }

    private struct Term {
        var offset: UInt32
        var level: Int8
    }

    /// Steps of one size, output by output.
    private struct Steps {
        let group: Int
        private var first: [UInt32] = [0]
        private var offsets: [UInt32] = []
        private var levels: [Int8] = []

        init(group: Int) { self.group = group }

        /// Takes all steps of this size out of an output's terms, which are sorted by level.
        mutating func take(from terms: inout [Term]) {
            if group == 1 {
                takeAll(from: &terms)
            } else {
                takeGroups(from: &terms)
            }
            first.append(UInt32(levels.count / 2))
        }

        private mutating func takeAll(from terms: inout [Term]) {
            terms.sort { $0.offset < $1.offset }
            if !terms.count.isMultiple(of: 2) { terms.append(Term(offset: 0, level: 0)) }
            offsets += terms.lazy.map(\.offset)
            levels += terms.lazy.map(\.level)
            terms = []
        }

        /// An even number of groups.
        private mutating func takeGroups(from terms: inout [Term]) {
            var left: [Term] = []
            var start = 0
            while start < terms.count {
                if start + group <= terms.count,
                    terms[start].level == terms[start + group - 1].level
                {
                    offsets += terms[start..<start + group].lazy.map(\.offset)
                    levels.append(terms[start].level)
                    start += group
                } else {
                    left.append(terms[start])
                    start += 1
                }
            }
            if !levels.count.isMultiple(of: 2) {
                let level = levels.removeLast()
                left += offsets.suffix(group).map { Term(offset: $0, level: level) }
                offsets.removeLast(group)
                // The odd group's level may stand in front.
                left.sort { ($0.level, $0.offset) < ($1.level, $1.offset) }
            }
            terms = left
        }

        /// Where those of each row start, offsets, levels.
        func packed(
            offsetBytes: Int
        ) -> (first: AlignedBuffer, offsets: AlignedBuffer, levels: AlignedBuffer) {
            let offsets =
                offsetBytes == 2
                ? AlignedBuffer(offsets.map { UInt16($0) }) : AlignedBuffer(offsets)
            return (AlignedBuffer(first), offsets, AlignedBuffer(levels))
        }
    }
}
