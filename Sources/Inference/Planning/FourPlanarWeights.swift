import CIntegerKernels

/// Nonzeros of an output in fours of one level, two fours an eight; what is left over in twos. Offsets
/// count from the first plane of all, as in ``SparsePlanarWeights``.
///
/// Many channels are cut into blocks. With blocks, layers of VGG-16 and ResNet-18 whose planes exceed
/// the first cache ran 1.4 to 1.8 times as fast.
final class FourPlanarWeights: @unchecked Sendable {
    /// How many steps of each kind all outputs have.
    struct Counts: Sendable {
        var eights = 0
        var twos = 0

        init(_ weights: SparseRows, blocks: [Range<UInt32>]) {
            for block in blocks {
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
            Double(eights) * costs.spmm_eight + Double(twos) * costs.spmm_two
        }
    }

    let view: cik_fours_weights
    let counts: Counts
    private let buffers: [AlignedBuffer]

    var byteCount: Int { buffers.reduce(0) { $0 + $1.byteCount } }

    /// Whether four bytes fit a byte, and the products of an eight 16 bits.
    static func canHold(_ weights: SparseRows, highest: Int32) -> Bool {
        highest <= 63 && largestEight(weights, highest: highest) <= Int(Int16.max)
    }

    private static func largestEight(_ weights: SparseRows, highest: Int32) -> Int {
        8 * Int(highest) * Int(weights.levels.lazy.map(\.magnitude).max() ?? 0)
    }

    /// The columns of each block of channels: one block unless the planes exceed the first cache, and
    /// there are nonzeros enough to form fours in more.
    static func blocks(
        of weights: SparseRows, geometry: PlaneGeometry, bound: Int
    ) -> [Range<UInt32>] {
        let most = weights.nonzeros / (leastInBlock * weights.outputs)
        let count = bound <= Int16.max ? max(1, min(geometry.blocks, most)) : 1
        let channels = geometry.channelsInGroup
        let taps = weights.columnCount / channels
        let size = roundedUp(channels, to: count) / count * taps
        return stride(from: 0, to: weights.columnCount, by: size).map {
            UInt32($0)..<UInt32(min($0 + size, weights.columnCount))
        }
    }

    /// Nonzeros of an output that a block should have on average.
    private static let leastInBlock = 40

    init(
        _ weights: SparseRows, geometry: PlaneGeometry, blocks: [Range<UInt32>], highest: Int32,
        bound: Int
    ) {
        var eights = Steps(size: 8)
        var twos = Steps(size: 2)
        for block in blocks {
            for output in 0..<weights.outputs {
                let start = geometry.start(of: output, outputs: weights.outputs)
                var terms = weights.sortedByLevel(weights.range(of: block, in: output)).map {
                    Term(offset: geometry.offsets[Int($0.column)] + start, level: $0.level)
                }
                eights.append(Self.takeEights(from: &terms))
                terms.sort { $0.offset < $1.offset }
                if !terms.count.isMultiple(of: 2) { terms.append(Term(offset: start, level: 0)) }
                twos.append((terms, terms.map(\.level)))
            }
        }
        counts = Counts(weights, blocks: blocks)
        buffers = eights.buffers + twos.buffers
        view = cik_fours_weights(
            outputs: weights.outputs, blocks: blocks.count,
            first_eight: buffers[0].pointer(to: UInt32.self),
            first_two: buffers[3].pointer(to: UInt32.self),
            eight_offsets: buffers[1].pointer(to: UInt32.self),
            two_offsets: buffers[4].pointer(to: UInt32.self),
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

        var buffers: [AlignedBuffer] {
            [AlignedBuffer(first), AlignedBuffer(offsets), AlignedBuffer(levels)]
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
