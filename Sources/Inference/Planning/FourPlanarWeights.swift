import CIntegerKernels

/// Nonzeros of an output in fours of one level, two fours an eight; what is left over in twos; for each
/// block of channels.
final class FourPlanarWeights: @unchecked Sendable {
    /// How many steps of each kind all outputs have.
    struct Counts: Sendable {
        var eights = 0
        var twos = 0
        private let outputs: Int
        private let blocks: ChannelBlocks

        init(_ weights: SparseRows, blocks: ChannelBlocks) {
            outputs = weights.outputs
            self.blocks = blocks
            for block in blocks.columns {
                for output in 0..<weights.outputs {
                    let terms = weights.range(of: block, in: output)
                    let fours = weights.histogram(of: terms).reduce(0) { $0 + $1 / 4 }
                    eights += fours / 2
                    twos += (terms.count - fours / 2 * 8 + 1) / 2
                }
            }
        }

        /// Nanoseconds for one tile.
        func cost(_ costs: cik_costs) -> Double {
            let steps = Double(eights) * costs.spmm_eight + Double(twos) * costs.spmm_two
            return steps * (blocks.isNear ? 1 : costs.spmm_far)
                + Double((blocks.count - 1) * outputs) * costs.spmm_block
        }

        /// Offsets and levels of the steps, where those of each block and output start, and blocks.
        var byteCount: Int {
            eights * (8 * blocks.offsetBytes + 2) + twos * (2 * blocks.offsetBytes + 2)
                + 2 * (blocks.count * outputs + 1) * 4 + blocks.count * 4
        }
    }

    let view: cik_fours_weights
    private let buffers: [AlignedBuffer]

    /// Whether four bytes fit a byte, and the products of an eight 16 bits.
    static func canHold(_ weights: SparseRows, highest: Int32) -> Bool {
        highest <= 63 && largestEight(weights, highest: highest) <= Int(Int16.max)
    }

    private static func largestEight(_ weights: SparseRows, highest: Int32) -> Int {
        8 * Int(highest) * Int(weights.levels.lazy.map(\.magnitude).max() ?? 0)
    }

    init(
        _ weights: SparseRows, geometry: PlaneGeometry, blocks: ChannelBlocks, highest: Int32,
        bound: Int
    ) {
        var eights = Steps(size: 8)
        var twos = Steps(size: 2)
        for (columns, start) in zip(blocks.columns, blocks.starts) {
            for output in 0..<weights.outputs {
                var terms = weights.sortedByLevel(weights.range(of: columns, in: output)).map {
                    let offset = geometry.offsets[Int($0.column)] - start
                    return Term(offset: offset >> UInt32(blocks.shift), level: $0.level)
                }
                eights.append(Self.takeEights(from: &terms))
                terms.sort { $0.offset < $1.offset }
                if !terms.count.isMultiple(of: 2) { terms.append(Term(offset: 0, level: 0)) }
                twos.append((terms, terms.map(\.level)))
            }
        }
        let starts = AlignedBuffer(blocks.starts)
        buffers =
            eights.buffers(offsetBytes: blocks.offsetBytes)
            + twos.buffers(offsetBytes: blocks.offsetBytes) + [starts]
        view = cik_fours_weights(
            outputs: weights.outputs, blocks: blocks.count,
            block_starts: starts.pointer(to: UInt32.self),
            first_eight: buffers[0].pointer(to: UInt32.self),
            first_two: buffers[3].pointer(to: UInt32.self),
            eight_offsets: buffers[1].base, two_offsets: buffers[4].base,
            offset_size: blocks.offsetBytes, shift: blocks.shift,
            eight_levels: buffers[2].pointer(to: Int8.self),
            two_levels: buffers[5].pointer(to: Int8.self),
            steps_in_16_bits: Int(Int16.max) / max(Self.largestEight(weights, highest: highest), 1),
            bound: Int32(bound))
    }

    private struct Term {
        var offset: UInt32
        var level: Int8
    }

    /// Steps of one size, output by output.
    private struct Steps {
        let size: Int
        var first: [UInt32] = [0]
        var offsets: [UInt32] = []
        var levels: [Int8] = []

        init(size: Int) { self.size = size }

        mutating func append(_ steps: (terms: [Term], levels: [Int8])) {
            offsets += steps.terms.lazy.map(\.offset)
            levels += steps.levels
            first.append(UInt32(offsets.count / size))
        }

        /// Where those of each row start, offsets, levels.
        func buffers(offsetBytes: Int) -> [AlignedBuffer] {
            let offsets =
                offsetBytes == 2
                ? AlignedBuffer(offsets.map { UInt16($0) }) : AlignedBuffer(offsets)
            return [AlignedBuffer(first), offsets, AlignedBuffer(levels)]
        }
    }

    /// Takes fours of one level out of terms that are sorted by level; an even number of them.
    private static func takeEights(
        from terms: inout [Term]
    ) -> (terms: [Term], levels: [Int8]) {
        var (taken, levels, left): ([Term], [Int8], [Term]) = ([], [], [])
        var start = 0
        while start < terms.count {
            if start + 4 <= terms.count, terms[start].level == terms[start + 3].level {
                taken += terms[start..<start + 4]
                levels.append(terms[start].level)
                start += 4
            } else {
                left.append(terms[start])
                start += 1
            }
        }
        if !levels.count.isMultiple(of: 2) {
            left += taken.suffix(4)
            taken.removeLast(4)
            levels.removeLast()
        }
        terms = left
        return (taken, levels)
    }
}
