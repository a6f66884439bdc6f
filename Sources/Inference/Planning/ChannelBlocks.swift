import CIntegerKernels

/// The channels of a layer cut into blocks, each with its nonzeros in steps of its own: so that planes
/// stay in the first cache, and that 16 bits hold the offsets from the start of a block. How many was
/// measured with `u6_s8_spmm`, which reads four tiles at a time; `u8_s8_spmm` reads two, or one.
struct ChannelBlocks: Sendable {
    /// The columns of each block.
    let columns: [Range<UInt32>]
    /// Positions from the first plane of a group to that of each block.
    let starts: [UInt32]
    /// Offsets inside blocks are stored as multiples of `1 << shift`: 0 unless that makes them fit 16 bits.
    let shift: Int32
    /// Of an offset: 2 or 4.
    let offsetBytes: Int
    /// Whether what four tiles of an output read of a block stays in the first cache.
    let isNear: Bool

    var count: Int { columns.count }

    /// Nanoseconds for one tile of `outputs` outputs, whose steps take so many from near planes.
    func cost(ofSteps steps: Double, outputs: Int, _ costs: cik_costs) -> Double {
        steps * (isNear ? 1 : costs.spmm_far) + Double((count - 1) * outputs) * costs.spmm_block
    }

    /// What belongs to rows in memory: where each starts, whose they are, and blocks.
    func byteCountBesideRows(outputs: Int) -> Int {
        count * outputs * MemoryLayout<Int>.stride
            + (outputs + count) * MemoryLayout<UInt32>.stride
    }

    /// Nonzeros of an output that a block should have on average.
    private static let leastInBlock = 40

    /// The ways to cut that may be the fastest: few blocks, of which more nonzeros form large groups, and blocks
    /// for the first cache.
    ///
    /// Those need nonzeros enough to form groups, and sums that can wait between blocks: with them,
    /// layers of VGG-16 and ResNet-18 whose planes exceed the first cache ran 1.4 to 1.8 times as fast.
    /// The fully connected layers of AlexNet and VGG-16 ran 1.3 to 1.4 times as fast in one block as in
    /// seven.
    ///
    /// - Parameter isKept: whether blocks run one after another, with sums kept between them.
    static func candidates(
        _ weights: SparseRows, geometry: PlaneGeometry, isKept: Bool
    ) -> [ChannelBlocks] {
        let channels = geometry.channelsInGroup
        let most = min(max(1, weights.nonzeros / (leastInBlock * weights.outputs)), channels)
        let reach = Reach(geometry, taps: weights.columnCount / channels)
        func blocks(atLeast count: Int) -> ChannelBlocks {
            let fitting = (count...max(count, most)).first {
                reach.offsetBytes(channels: roundedUp(channels, to: $0) / $0) == 2
            }
            return ChannelBlocks(
                weights, geometry: geometry, count: fitting ?? count, reach, isKept: isKept)
        }
        let few = blocks(atLeast: 1)
        let near = min(geometry.blocks, most)
        return few.isNear || !isKept || near <= few.count ? [few] : [few, blocks(atLeast: near)]
    }

    private init(
        _ weights: SparseRows, geometry: PlaneGeometry, count: Int, _ reach: Reach, isKept: Bool
    ) {
        let channels = geometry.channelsInGroup
        let channelsInBlock = roundedUp(channels, to: count) / count
        let size = channelsInBlock * (weights.columnCount / channels)
        columns = stride(from: 0, to: weights.columnCount, by: size).map {
            UInt32($0)..<UInt32(min($0 + size, weights.columnCount))
        }
        starts = columns.map { geometry.offsets[Int($0.lowerBound)] }
        offsetBytes = reach.offsetBytes(channels: channelsInBlock)
        shift = reach.needsShift(channels: channelsInBlock) ? Int32(reach.shift) : 0
        isNear = geometry.blocks == 1 || isKept && columns.count >= geometry.blocks
    }

    /// How far a layer's offsets go. Every channel has the same ones from where it starts.
    private struct Reach {
        /// All are multiples of `1 << shift`.
        let shift: Int
        /// From one channel to the next, and to the last place inside one.
        private let stride, inside: UInt32

        init(_ geometry: PlaneGeometry, taps: Int) {
            let offsets = geometry.offsets
            shift = offsets.reduce(31) { min($0, $1 == 0 ? 31 : $1.trailingZeroBitCount) }
            stride = offsets.count > taps ? offsets[taps] : 0
            inside = offsets[..<taps].max()!
        }

        /// The largest offset from the start of so many channels.
        private func largest(_ channels: Int) -> Int {
            Int(stride) * (channels - 1) + Int(inside)
        }

        /// Bytes that each of their offsets takes.
        func offsetBytes(channels: Int) -> Int {
            largest(channels) >> shift <= Int(UInt16.max) ? 2 : 4
        }

        /// Whether only shifted ones fit two bytes. Others are read faster as they are.
        func needsShift(channels: Int) -> Bool {
            offsetBytes(channels: channels) == 2 && largest(channels) > Int(UInt16.max)
        }
    }
}
