#if canImport(Glibc)
    import Glibc
#endif

/// Memory at a multiple of 64 bytes, zeros at first, with the over-read that kernels may do behind it.
///
/// Where the system lets a program ask for them, large ones lie on huge pages: weights that come from
/// memory are then looked up in the page tables once in 2 MiB. Fully connected layers with evicted caches
/// took 1.4 to 1.9 times as long without (Zen 4); warm ones and convolutions take the same. The last page
/// may be filled by three eighths: so much more memory than `byteCount` is taken at most.
///
/// Packed weights are written while they are made and only read from then on; an arena is used by one
/// run at a time. So instances may cross threads.
package final class AlignedBuffer: @unchecked Sendable {
    static let alignment = 64

    package let base: UnsafeMutableRawPointer
    /// Without the over-read.
    package let byteCount: Int

    package init(byteCount: Int, overread: Int = 64) {
        self.byteCount = byteCount
        let size = byteCount + overread
        let huge = Self.onHugePages(size)
        base = .allocate(
            byteCount: max(size, huge), alignment: huge > 0 ? Self.hugePage : Self.alignment)
        #if canImport(Glibc)
            // If the system has none, they are small ones.
            if huge > 0 { madvise(base, huge, MADV_HUGEPAGE) }
        #endif
        base.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    }

    private static let hugePage = 2 << 20

    /// Bytes that begin with so many and lie on huge pages: whole ones, and one that is at least three
    /// eighths full, as FC7 of VGG-16 fills one by half.
    private static func onHugePages(_ size: Int) -> Int {
        #if canImport(Glibc)
            (size + hugePage / 8 * 5) / hugePage * hugePage
        #else
            0
        #endif
    }

    /// Holds a copy of plain numbers.
    package convenience init<Number: BitwiseCopyable>(_ numbers: [Number]) {
        self.init(byteCount: numbers.count * MemoryLayout<Number>.stride)
        numbers.withUnsafeBytes {
            base.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(base), byteCount: $0.count)
        }
    }

    deinit { base.deallocate() }

    package func pointer<Number: BitwiseCopyable>(to type: Number.Type) -> UnsafePointer<Number> {
        UnsafePointer(base.assumingMemoryBound(to: type))
    }
}
