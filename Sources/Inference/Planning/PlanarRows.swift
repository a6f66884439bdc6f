import CIntegerKernels

/// Rows of sparse weights for planes in one stream of bytes, in the order in which they are read.
final class PlanarRows: @unchecked Sendable {
    let view: cik_rows
    private let buffers: [AlignedBuffer]

    /// Writes the row of each output, in each block.
    ///
    /// - Parameters:
    ///   - order: the outputs, in their order.
    ///   - byteCount: of all rows together.
    ///   - writeRow: the columns of a block, an output, where the block's offsets start, and what to
    ///     append to.
    init(
        blocks: ChannelBlocks, order: [Int], byteCount: Int,
        _ writeRow: (Range<UInt32>, _ output: Int, _ start: UInt32, inout Writer) -> Void
    ) {
        var writer = Writer(byteCount: byteCount, blocks)
        var starts: [Int] = []
        starts.reserveCapacity(blocks.count * order.count)
        for (columns, start) in zip(blocks.columns, blocks.starts) {
            for output in order {
                starts.append(writer.end)
                writeRow(columns, output, start, &writer)
            }
        }
        precondition(writer.end == byteCount, "rows have as many steps as were counted")
        buffers = [
            AlignedBuffer(blocks.starts), writer.buffer, AlignedBuffer(starts),
            AlignedBuffer(order.map { UInt32($0) }),
        ]
        view = cik_rows(
            outputs: order.count, blocks: blocks.count,
            block_starts: buffers[0].pointer(to: UInt32.self),
            bytes: buffers[1].pointer(to: UInt8.self), starts: buffers[2].pointer(to: Int.self),
            order: buffers[3].pointer(to: UInt32.self), offset_size: blocks.offsetBytes,
            shift: blocks.shift)
    }

    /// Where rows are written.
    struct Writer {
        fileprivate let buffer: AlignedBuffer
        /// Behind what is written.
        fileprivate private(set) var end = 0
        private let offsetBytes: Int
        private let shift: UInt32

        fileprivate init(byteCount: Int, _ blocks: ChannelBlocks) {
            buffer = AlignedBuffer(byteCount: byteCount, overread: Int(CIK_AHEAD))
            offsetBytes = blocks.offsetBytes
            shift = UInt32(blocks.shift)
        }

        /// Appends how many steps follow.
        mutating func append(count: Int) { write(UInt32(count)) }

        /// Appends positions from the start of the block.
        mutating func append(offset: UInt32) {
            if offsetBytes == 2 {
                write(UInt16(offset >> shift))
            } else {
                write(offset >> shift)
            }
        }

        mutating func append(level: Int8) { write(level) }

        private mutating func write<Number: BitwiseCopyable>(_ number: Number) {
            let size = MemoryLayout<Number>.size
            precondition(end + size <= buffer.byteCount)
            buffer.base.storeBytes(of: number, toByteOffset: end, as: Number.self)
            end += size
        }
    }
}
