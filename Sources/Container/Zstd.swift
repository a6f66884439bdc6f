import CZstd

/// Zstandard frames. The only file of the module with pointers.
enum Zstd {
    /// One frame with its content size, or `nil` if it is not shorter than `bytes`.
    ///
    /// Entropy-coded bits hardly ever get shorter, and level 19 is slow (about 1 MB/s): of long
    /// inputs it first tries a part, and takes level 9 where the whole would need seconds.
    static func shorter(_ bytes: [UInt8]) -> [UInt8]? {
        let sample = 1 << 18
        if bytes.count > 4 * sample {
            let middle = bytes.count / 2
            guard frame(Array(bytes[middle..<middle + sample])).count < sample else { return nil }
        }
        let result = frame(bytes)
        return result.count < bytes.count ? result : nil
    }

    private static func frame(_ bytes: [UInt8]) -> [UInt8] {
        let bound = ZSTD_compressBound(bytes.count)
        return [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
            let level: Int32 = bytes.count <= 1 << 22 ? 19 : 9
            let size = bytes.withUnsafeBytes {
                ZSTD_compress(buffer.baseAddress, bound, $0.baseAddress, $0.count, level)
            }
            precondition(ZSTD_isError(size) == 0, "zstd: out of memory for \(bytes.count) bytes")
            count = size
        }
    }

    /// The content of the one frame that `bytes[range]` is.
    ///
    /// - Throws: `zstd` if the content size is not stated or not that of the content, `outOfRange` if
    ///   it is above `limit`, `overBudget`.
    static func content(
        of bytes: [UInt8], in range: Range<Int>, limit: Int, section: FileSection,
        budget: inout MemoryBudget
    ) throws(ContainerError) -> [UInt8] {
        let stated = bytes[range].withUnsafeBytes {
            ZSTD_getFrameContentSize($0.baseAddress, $0.count)
        }
        // UInt64.max is "unknown", the value below it "error" (zstd.h).
        guard stated < UInt64.max - 1, let size = Int(exactly: stated) else {
            throw .zstd(section: section, failure: .unknownSize)
        }
        guard size <= limit else {
            throw .outOfRange(
                section: section, field: "content size", found: size, expected: 0...limit)
        }
        let length = bytes[range].withUnsafeBytes {
            ZSTD_findFrameCompressedSize($0.baseAddress, $0.count)
        }
        guard length == range.count else { throw .zstd(section: section, failure: .corrupt) }
        try budget.charge(size, section, "Zstandard content")
        let content = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let written = bytes[range].withUnsafeBytes {
                ZSTD_decompress(buffer.baseAddress, size, $0.baseAddress, $0.count)
            }
            count = written == size ? size : 0
        }
        guard content.count == size else { throw .zstd(section: section, failure: .corrupt) }
        return content
    }
}
