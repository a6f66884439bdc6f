import CIntegerKernels

/// Slices of 16 outputs and windows over the inputs, with 4-bit codes or levels.
package final class SparseVectorWeights: @unchecked Sendable {
    /// Whether weights are 4-bit codes into 16 levels, zero included.
    package let isNarrow: Bool
    package let view: cik_spmv_weights
    /// Places for weights, filled or not.
    private let slots: Int
    let buffers: [AlignedBuffer]

    /// Nanoseconds for all slots.
    func cost(_ costs: cik_costs) -> Double {
        Double(slots) * costs.spmvSlot(window: view.window)
    }

    /// `highest` is the largest byte read.
    init(_ weights: SparseRows, schedule: VectorSchedule, highest: Int32) {
        let distinct = weights.distinctLevels
        isNarrow = distinct.count <= 16
        // Code 0 is level 0: it fills the slots that no weight needs. Levels of four bits are their own
        // codes.
        let areCodes = distinct.allSatisfy { (-8...7).contains($0) }
        let levels = areCodes ? [Int8](0...7) + (-8 ... -1) : [0] + distinct.filter { $0 != 0 }
        slots = schedule.slots
        let count = schedule.pairs
        let pairs = AlignedBuffer(
            byteCount: count * Int(isNarrow ? CIK_CODE_PAIR : CIK_LEVEL_PAIR))
        let advances = AlignedBuffer(byteCount: count * 2)
        let firstPair = AlignedBuffer(schedule.firstPair)
        let outputs = AlignedBuffer(schedule.outputs)
        let table = AlignedBuffer(
            levels.count <= 16 ? levels + zeros(16 - levels.count) : zeros(16))
        buffers = [firstPair, advances, pairs, outputs, table]
        view = cik_spmv_weights(
            slices: schedule.slices, window: schedule.window,
            first_pair: firstPair.pointer(to: UInt32.self),
            advances: advances.pointer(to: UInt8.self), pairs: pairs.pointer(to: UInt8.self),
            outputs: outputs.pointer(to: UInt32.self),
            in_order: schedule.outputs.elementsEqual(0..<UInt32(schedule.outputs.count)),
            levels: table.pointer(to: Int8.self),
            codes_are_levels: areCodes, highest: highest)
        var codes = [UInt8](repeating: 0, count: 256)
        for (code, level) in levels.enumerated() { codes[Int(level) + 128] = UInt8(code) }
        fill(
            advances.base.assumingMemoryBound(to: UInt8.self),
            pairs.base.assumingMemoryBound(to: UInt8.self), from: weights, schedule, codes: codes)
    }

    /// Puts every nonzero into the slot that the schedule has for it.
    private func fill(
        _ advances: UnsafeMutablePointer<UInt8>, _ pairs: UnsafeMutablePointer<UInt8>,
        from weights: SparseRows, _ schedule: VectorSchedule, codes: [UInt8]
    ) {
        let isNarrow = isNarrow
        let pairBytes = Int(isNarrow ? CIK_CODE_PAIR : CIK_LEVEL_PAIR)
        let slots = Int(CIK_SLOTS)
        weights.levels.withUnsafeBufferPointer { levels in
            codes.withUnsafeBufferPointer { codes in
                schedule.walk(weights) { walker, slice in
                    var step = Int(schedule.firstPair[slice]) * 2
                    while let move = walker.moveWindow() {
                        advances[step] = move
                        let (isSecond, pair) = (step % 2, pairs + step / 2 * pairBytes)
                        walker.takeStep { slot, nonzero, column in
                            pair[isSecond * slots + slot] = column
                            let level = levels[nonzero]
                            if isNarrow {
                                pair[2 * slots + slot] |=
                                    codes[Int(level) + 128] << UInt8(4 * isSecond)
                            } else {
                                pair[(2 + isSecond) * slots + slot] = UInt8(bitPattern: level)
                            }
                        }
                        step += 1
                    }
                }
            }
        }
    }
}

extension SparseVectorWeights {
    /// The nonzeros again: steps hold those of an output in ascending order.
    func rows(outputs: Int, columns: Int) -> SparseRows {
        var places = [Int](repeating: 0, count: outputs)
        for row in 0..<view.slices * Int(CIK_ROWS) where view.outputs[row] < outputs {
            places[Int(view.outputs[row])] = row
        }
        var rows = SparseRows(columnCount: columns)
        for place in places {
            appendRow(place % Int(CIK_ROWS), ofSlice: place / Int(CIK_ROWS), to: &rows)
            rows.endOutput()
        }
        return rows
    }

    private func appendRow(_ row: Int, ofSlice slice: Int, to rows: inout SparseRows) {
        let slots = Int(CIK_SLOTS)
        let pairBytes = Int(isNarrow ? CIK_CODE_PAIR : CIK_LEVEL_PAIR)
        var start = 0
        for step in 2 * Int(view.first_pair[slice])..<2 * Int(view.first_pair[slice + 1]) {
            start += Int(view.advances[step]) * Int(CIK_ADVANCE)
            let (isSecond, pair) = (step % 2, view.pairs + step / 2 * pairBytes)
            for slot in 4 * row..<4 * row + 4 {
                let level =
                    isNarrow
                    ? view.levels[Int(pair[2 * slots + slot] >> UInt8(4 * isSecond) & 15)]
                    : Int8(bitPattern: pair[(2 + isSecond) * slots + slot])
                if level == 0 { continue }
                rows.append(
                    column: UInt32(start + Int(pair[isSecond * slots + slot])), level: level)
            }
        }
    }
}

private func zeros(_ count: Int) -> [Int8] { [Int8](repeating: 0, count: count) }
