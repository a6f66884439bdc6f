import CIntegerKernels

/// Which bytes from the first to the last place of a planar layer's output are results, and which the
/// border beside them: runs of one length, equally far apart. Layers of one size share their bits.
struct KeptBytes: Hashable, Sendable {
    /// Rows of the output, bytes of each, and bytes from one to the next.
    let rows, rowBytes, rowStride: Int

    /// Bytes from the first to behind the last one that is kept.
    var span: Int { (rows - 1) * rowStride + rowBytes }
    /// Tiles of so many bytes.
    var tiles: Int { roundedUp(span, to: Int(CIK_TILE)) / Int(CIK_TILE) }
    /// Of the bits.
    var byteCount: Int { tiles * MemoryLayout<UInt64>.stride }

    /// A bit for each byte of the tiles, the lowest first.
    var bits: [UInt64] {
        var words = [UInt64](repeating: 0, count: tiles)
        for row in 0..<rows {
            let bytes = row * rowStride..<row * rowStride + rowBytes
            for word in bytes.lowerBound / 64...(bytes.upperBound - 1) / 64 {
                let part = bytes.clamped(to: word * 64..<(word + 1) * 64)
                let ones = UInt64.max >> UInt64(64 - part.count)
                words[word] |= ones << UInt64(part.lowerBound % 64)
            }
        }
        return words
    }
}
