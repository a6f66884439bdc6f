import CIntegerKernels

/// Which outputs form the slices of the `spmv` layout, the size of its windows, and its steps.
struct VectorSchedule {
    /// 64, 128 or 256 inputs.
    let window: Int
    /// `[slices * 16]`: outputs by descending number of nonzeros, so that those of a slice end
    /// together; then the numbers of empty rows.
    let outputs: [UInt32]
    /// `[slices + 1]`: pairs of steps in front of each slice.
    private(set) var firstPair: [UInt32] = [0]

    var slices: Int { outputs.count / Int(CIK_ROWS) }
    var pairs: Int { Int(firstPair[slices]) }
    var slots: Int { pairs * 2 * Int(CIK_SLOTS) }

    /// Chooses the window by the costs of the kernels.
    init(_ weights: SparseRows, costs: cik_costs) {
        outputs = Self.sorted(weights)
        window = Self.window(for: weights, outputs: outputs, costs: costs)
        firstPair.reserveCapacity(slices + 1)
        for steps in Self.steps(of: weights, outputs: outputs, window: window, every: 1) {
            firstPair.append(firstPair.last! + UInt32((steps + 1) / 2))
        }
    }

    private static func sorted(_ weights: SparseRows) -> [UInt32] {
        let count = roundedUp(weights.outputs, to: Int(CIK_ROWS))
        let nonzeros = (0..<count).map { weights.range(of: $0).count }
        return (0..<UInt32(count)).sorted {
            let (one, other) = (nonzeros[Int($0)], nonzeros[Int($1)])
            return one == other ? $0 < $1 : one > other
        }
    }

    // MARK: The choice of a window

    /// With so many slots filled a nonzero takes less than 2 bytes.
    private static var leastFill: Double { 0.77 }
    /// Larger layers do not stay in the second cache: what counts is how fast their bytes come.
    private static var cachedSlots: Double { Double(2 << 20) / 1.5 }
    /// Nanoseconds for a slot from the third cache (30 GB/s).
    private static var streamedSlot: Double { 0.05 }

    /// The window with the least time among those that fill enough slots, or else the widest.
    private static func window(
        for weights: SparseRows, outputs: [UInt32], costs: cik_costs
    ) -> Int {
        var best = (window: 256, time: Double.infinity)
        let stride = max(outputs.count / Int(CIK_ROWS) / 8, 1)
        for window in [256, 128, 64] {
            // The fill of some slices is that of all.
            var (filled, slots) = (0.0, 0.0)
            let steps = steps(of: weights, outputs: outputs, window: window, every: stride)
            for (slice, steps) in zip(Swift.stride(from: 0, to: .max, by: stride), steps) {
                filled += Double(nonzeros(of: weights, slice: slice, outputs: outputs))
                slots += Double(steps * Int(CIK_SLOTS))
            }
            let fill = slots > 0 ? filled / slots : 1
            var slot = costs.spmvSlot(window: window)
            if Double(weights.nonzeros) / fill > cachedSlots { slot = max(slot, streamedSlot) }
            if fill >= leastFill || window == 256, slot / fill < best.time {
                best = (window, slot / fill)
            }
        }
        return best.window
    }

    private static func nonzeros(of weights: SparseRows, slice: Int, outputs: [UInt32]) -> Int {
        let rows = slice * Int(CIK_ROWS)..<(slice + 1) * Int(CIK_ROWS)
        return outputs[rows].reduce(0) { $0 + weights.range(of: Int($1)).count }
    }

    // MARK: Steps

    /// How many steps every `stride`-th slice has.
    private static func steps(
        of weights: SparseRows, outputs: [UInt32], window: Int, every stride: Int
    ) -> [Int] {
        var result: [Int] = []
        walk(weights, outputs: outputs, window: window, every: stride) { walker, _ in
            var steps = 0
            while walker.moveWindow() != nil {
                walker.takeStep { _, _, _ in }
                steps += 1
            }
            result.append(steps)
        }
        return result
    }

    /// Calls `body` at the beginning of every slice.
    func walk(_ weights: SparseRows, _ body: (inout SliceWalker, _ slice: Int) -> Void) {
        Self.walk(weights, outputs: outputs, window: window, every: 1, body)
    }

    private static func walk(
        _ weights: SparseRows, outputs: [UInt32], window: Int, every stride: Int,
        _ body: (inout SliceWalker, _ slice: Int) -> Void
    ) {
        weights.columns.withUnsafeBufferPointer { columns in
            // Without nonzeros nothing is read.
            guard let base = columns.baseAddress ?? UnsafePointer(bitPattern: 64) else { return }
            var walker = SliceWalker(columns: base, window: window)
            for slice in Swift.stride(from: 0, to: outputs.count / Int(CIK_ROWS), by: stride) {
                walker.begin { weights.range(of: Int(outputs[slice * Int(CIK_ROWS) + $0])) }
                body(&walker, slice)
            }
        }
    }
}

extension SparseRows {
    /// The nonzeros of an output, none of one that does not exist.
    fileprivate func range(of output: Int) -> Range<Int> {
        output < outputs ? starts[output]..<starts[output + 1] : 0..<0
    }
}

extension cik_costs {
    /// Nanoseconds for a slot of `spmv`.
    func spmvSlot(window: Int) -> Double {
        switch window {
        case 64: spmv_slot_64
        case 128: spmv_slot_128
        default: spmv_slot_256
        }
    }
}
