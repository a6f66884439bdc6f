/// The channels of a layer cut into blocks, each with its nonzeros in groups of its own: so that planes
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
    /// Whether what four tiles of an output read of a block stays in the first cache.
    let isNear: Bool

    var count: Int { columns.count }

    /// Nonzeros of an output that a block should have on average.
    private static let leastInBlock = 40

    /// The ways to cut that may be the fastest: few blocks, of which more nonzeros form large groups, and blocks
    /// for the first cache.
    ///
    /// Those need nonzeros enough to form groups, and accumulators that fit 16 bits, `bound` being the
    /// largest: with them, layers of VGG-16 and ResNet-18 whose planes exceed the first cache ran 1.4
    /// to 1.8 times as fast. The fully connected layers of AlexNet and VGG-16 ran 1.3 to 1.4 times as
    /// fast in one block as in seven.
    static func candidates(
        _ weights: SparseRows, geometry: PlaneGeometry, bound: Int
    ) -> [ChannelBlocks] {
        let most = max(1, weights.nonzeros / (leastInBlock * weights.outputs))
        let isKept = bound <= Int16.max
        func blocks(atLeast count: Int) -> ChannelBlocks {
            let blocks = (count...max(count, most)).lazy.map {
                ChannelBlocks(weights, geometry: geometry, count: $0, isKept: isKept)
            }
            return blocks.first { $0.offsetBytes == 2 } ?? blocks.first!
        }
        let few = blocks(atLeast: 1)
        let near = min(geometry.blocks, most)
        return few.isNear || !isKept || near <= few.count ? [few] : [few, blocks(atLeast: near)]
    }

    /// - Parameter isKept: whether blocks run one after another, with 16-bit sums kept between them.
    private init(_ weights: SparseRows, geometry: PlaneGeometry, count: Int, isKept: Bool) {
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
        isNear = geometry.blocks == 1 || isKept && columns.count >= geometry.blocks
    }
}
