/// Memory at a multiple of 64 bytes, zeros at first, with the over-read that kernels may do behind it.
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
        base = .allocate(byteCount: byteCount + overread, alignment: Self.alignment)
        base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount + overread)
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
