import CIntegerKernels
import Synchronization

/// Arenas of one engine: a run takes one and gives it back, so that runs can go on at the same time.
///
/// An arena is allocated when more runs are going on than ever before. One of those at rest lies in
/// `spare`, where taking and giving back cost no lock: 40 ns of the 800 that LeNet-300-100 takes. (Nor do
/// they count references, which is what `_withUnsafeGuaranteedRef` is for.)
final class ArenaPool: Sendable {
    private let byteCount: Int
    /// Owned here while it is not lent.
    private let spare: Atomic<Unmanaged<AlignedBuffer>?>
    /// The others.
    private let free: Mutex<[AlignedBuffer]>

    /// Each arena has `byteCount` bytes; `count` of them are made now.
    init(byteCount: Int, count: Int) {
        self.byteCount = byteCount
        spare = Atomic(count > 0 ? .passRetained(Self.arena(byteCount)) : nil)
        free = Mutex((1..<max(count, 1)).map { _ in Self.arena(byteCount) })
    }

    deinit { spare.load(ordering: .acquiring)?.release() }

    /// Lends an arena to `body`.
    func withArena(_ body: (UnsafeMutablePointer<UInt8>) -> Void) {
        let arena = spare.exchange(nil, ordering: .acquiring) ?? other()
        body(arena._withUnsafeGuaranteedRef { $0.start })
        if let another = spare.exchange(arena, ordering: .acquiringAndReleasing) {
            free.withLock { $0.append(another.takeRetainedValue()) }
        }
    }

    /// One that does not lie in `spare`.
    private func other() -> Unmanaged<AlignedBuffer> {
        .passRetained(free.withLock { $0.popLast() } ?? Self.arena(byteCount))
    }

    private static func arena(_ byteCount: Int) -> AlignedBuffer {
        AlignedBuffer(byteCount: Int(CIK_UNDERREAD) + byteCount, overread: Int(CIK_OVERREAD))
    }
}

extension AlignedBuffer {
    /// Of an arena, behind what kernels may read in front of it.
    fileprivate var start: UnsafeMutablePointer<UInt8> {
        base.assumingMemoryBound(to: UInt8.self) + Int(CIK_UNDERREAD)
    }
}
