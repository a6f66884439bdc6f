import CIntegerKernels

/// Cuts the nonzeros of 16 outputs into the steps of the `spmv` layout, one slice after another.
///
/// In each step the window begins at the leftmost nonzero that is left, rounded down, and every output
/// takes up to four of its nonzeros inside. Outputs with few nonzeros run ahead of the others until
/// the end of the window stops them.
struct SliceWalker: ~Copyable {
    /// A place among the nonzeros of an output.
    private struct Cursor {
        var next = 0
        var end = 0
        /// `UInt32.max` behind the end.
        var column = UInt32.max
    }

    private let columns: UnsafePointer<UInt32>
    private let window: UInt32
    /// Windows begin at multiples of it.
    private let alignment: UInt32
    /// First input of the window.
    private var start: UInt32 = 0
    private let cursors: UnsafeMutablePointer<Cursor>

    /// `columns` are those of a layer and have to stay where they are.
    init(columns: UnsafePointer<UInt32>, window: Int) {
        self.columns = columns
        self.window = UInt32(window)
        // Fewer slots stay empty if windows begin at any multiple of 16, but loads that cross cache
        // lines take twice as long. Wide windows win less (2 % of slots) and need more loads.
        alignment = window > 128 ? 64 : UInt32(CIK_ADVANCE)
        cursors = .allocate(capacity: Int(CIK_ROWS))
        cursors.initialize(repeating: Cursor(), count: Int(CIK_ROWS))
    }

    deinit { cursors.deallocate() }

    /// Begins with a slice whose rows have these nonzeros.
    mutating func begin(_ rows: (Int) -> Range<Int>) {
        start = 0
        for row in 0..<Int(CIK_ROWS) {
            let range = rows(row)
            cursors[row] = Cursor(
                next: range.lowerBound, end: range.upperBound,
                column: range.isEmpty ? .max : columns[range.lowerBound])
        }
    }

    /// Moves the window ahead for a step; `nil` when nothing is left. A move is a multiple of 16 and
    /// at most 255 times 16; where that is not enough a step stays empty.
    mutating func moveWindow() -> UInt8? {
        var leftmost = UInt32.max
        for row in 0..<Int(CIK_ROWS) { leftmost = min(leftmost, cursors[row].column) }
        if leftmost == .max { return nil }
        let move = min((leftmost / alignment * alignment - start) / UInt32(CIK_ADVANCE), 255)
        start += move * UInt32(CIK_ADVANCE)
        return UInt8(move)
    }

    /// Takes the nonzeros of a step: the slot, the number of the nonzero, its column in the window.
    @inline(__always)
    mutating func takeStep(_ take: (_ slot: Int, _ nonzero: Int, _ column: UInt8) -> Void) {
        let end = start + window
        for row in 0..<Int(CIK_ROWS) {
            var cursor = cursors[row]
            var slot = row * 4
            while cursor.column < end, slot < row * 4 + 4 {
                take(slot, cursor.next, UInt8(truncatingIfNeeded: cursor.column - start))
                cursor.next += 1
                cursor.column = cursor.next < cursor.end ? columns[cursor.next] : .max
                slot += 1
            }
            cursors[row] = cursor
        }
    }
}
