import CIntegerKernels
import Synchronization

/// Arenas of one engine: a run takes one and gives it back, so that runs can go on at the same time.
///
/// An arena is allocated when more runs are going on than ever before.
final class ArenaPool: Sendable {
    private let byteCount: Int
    private let free: Mutex<[AlignedBuffer]>

    /// Each arena has `byteCount` bytes; `count` of them are made now.
    init(byteCount: Int, count: Int) {
        self.byteCount = byteCount
        free = Mutex((0..<count).map { _ in Self.arena(byteCount) })
    }

    /// Lends an arena to `body`.
    func withArena(_ body: (UnsafeMutablePointer<UInt8>) -> Void) {
        let arena = free.withLock { $0.popLast() } ?? Self.arena(byteCount)
        body(arena.base.assumingMemoryBound(to: UInt8.self) + Int(CIK_UNDERREAD))
        free.withLock { $0.append(arena) }
    }

    private static func arena(_ byteCount: Int) -> AlignedBuffer {
        AlignedBuffer(byteCount: Int(CIK_UNDERREAD) + byteCount, overread: Int(CIK_OVERREAD))
    }
}
