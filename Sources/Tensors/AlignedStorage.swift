/// Memory of floats for vector kernels: 64-byte aligned, and readable for 16 floats past its end.
///
/// All unsafe allocation of the module is here. `Tensor` hands out access and copies on write.
final class AlignedStorage: @unchecked Sendable {
    static let alignment = 64
    /// Floats behind the last element that a kernel may read, but not write or rely on.
    static let overread = 16

    let capacity: Int
    let base: UnsafeMutablePointer<Float>

    /// Zeros.
    init(capacity: Int) {
        self.capacity = capacity
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: (capacity + Self.overread) * MemoryLayout<Float>.stride,
            alignment: Self.alignment)
        base = raw.bindMemory(to: Float.self, capacity: capacity + Self.overread)
        base.initialize(repeating: 0, count: capacity + Self.overread)
    }

    deinit { base.deallocate() }

    /// A copy of the first `count` floats.
    func copy(count: Int) -> AlignedStorage {
        let copy = AlignedStorage(capacity: count)
        copy.base.update(from: base, count: count)
        return copy
    }
}
