import Foundation

/// Memory of floats for vector kernels: 64-byte aligned, and readable for 16 floats past its end.
///
/// All unsafe allocation of the module is here. `Tensor` hands out access and copies on write.
final class AlignedStorage: @unchecked Sendable {
    static let alignment = 64
    /// Floats behind the last element that a kernel may read, but not write or rely on.
    static let overread = 16

    let capacity: Int
    let base: UnsafeMutablePointer<Float>
    private let block: UnsafeMutableRawPointer

    /// Zeros. `calloc` takes large blocks from the system as pages that need no memory until they are
    /// written, so that the gradients of a network which is not trained cost nothing.
    init(capacity: Int) {
        self.capacity = capacity
        let floats = capacity + Self.overread
        let byteCount = floats * MemoryLayout<Float>.stride + Self.alignment
        guard let block = calloc(byteCount, 1) else {
            fatalError("no memory for \(byteCount) bytes")
        }
        Self.adviseHugePages(block, byteCount)
        self.block = block
        base = block.alignedUp(toMultipleOf: Self.alignment)
            .bindMemory(to: Float.self, capacity: floats)
    }

    /// Where Linux grants large pages on request only, asking for them saves MobileNetV2 3 % of a step.
    private static func adviseHugePages(_ block: UnsafeMutableRawPointer, _ byteCount: Int) {
        #if os(Linux)
            let size = 1 << 21
            let first = block.alignedUp(toMultipleOf: size)
            let count = (block + byteCount - first) / size * size
            if count > 0 { madvise(first, count, MADV_HUGEPAGE) }
        #endif
    }

    deinit { free(block) }

    /// A copy of the first `count` floats.
    func copy(count: Int) -> AlignedStorage {
        let copy = AlignedStorage(capacity: count)
        copy.base.update(from: base, count: count)
        return copy
    }
}
