/// The channels of a layer cut into blocks, each with its nonzeros in fours of its own: so that planes
/// stay in the first cache, and that 16 bits hold the offsets from the start of a block.
struct ChannelBlocks: Sendable {
    /// The columns of each block.
    let columns: [Range<UInt32>]
    /// Positions from the first plane of a group to that of each block.
    let starts: [UInt32]
    /// Offsets inside blocks are multiples of `1 << shift`.
    let shift: Int32
    /// Of an offset: 2 or 4.
    let offsetBytes: Int

    var count: Int { columns.count }

    /// Nonzeros of an output that a block should have on average.
    private static let leastInBlock = 40

    /// Blocks need nonzeros enough to form fours. Those for the cache also need accumulators that fit 16
    /// bits, `bound` being the largest: with them, layers of VGG-16 and ResNet-18 whose planes exceed
    /// the first cache ran 1.4 to 1.8 times as fast.
    init(_ weights: SparseRows, geometry: PlaneGeometry, bound: Int) {
        let most = max(1, weights.nonzeros / (Self.leastInBlock * weights.outputs))
        let cached = bound <= Int16.max ? min(geometry.blocks, most) : 1
        let blocks = (cached...max(cached, most)).lazy.map {
            ChannelBlocks(weights, geometry: geometry, count: $0)
        }
        self = blocks.first { $0.offsetBytes == 2 } ?? blocks.first!
    }

    private init(_ weights: SparseRows, geometry: PlaneGeometry, count: Int) {
        let channels = geometry.channelsInGroup
        let taps = weights.columnCount / channels
        let size = roundedUp(channels, to: count) / count * taps
        columns = stride(from: 0, to: weights.columnCount, by: size).map {
            UInt32($0)..<UInt32(min($0 + size, weights.columnCount))
        }
        let offsets = geometry.offsets
        starts = columns.map { offsets[Int($0.lowerBound)] }
        let shift = offsets.reduce(31) { min($0, $1 == 0 ? 31 : $1.trailingZeroBitCount) }
        let largest = zip(columns, starts).map { columns, start in
            columns.reduce(0) { max($0, offsets[Int($1)] - start) }
        }.max()!
        offsetBytes = largest >> UInt32(shift) <= UInt16.max ? 2 : 4
        self.shift = Int32(shift)
    }
}
