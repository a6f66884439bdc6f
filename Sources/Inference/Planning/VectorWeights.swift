import CIntegerKernels

/// The weights of a fully connected layer, packed for one sample at a time.
///
/// The layouts are written down in `CIntegerKernels.h`.
enum VectorWeights: Sendable {
    case sparse(SparseVectorWeights)
    case dense(DenseVectorWeights)

    /// Packs for whichever kernel is estimated to be faster.
    init(_ weights: SparseRows, costs: cik_costs, preference: KernelPreference) {
        let slots = SparseVectorWeights.steps(of: weights).reduce(0) { $0 + Int($1) } * 64
        let stride = roundedUp(weights.columnCount, to: 64)
        let sparse = Double(slots) * costs.spmv_slot
        let dense = Double(weights.outputs * stride) * costs.gemv_weight
        let isSparse = preference.choosesSparse(sparse: sparse, dense: dense)
        self = isSparse ? .sparse(.init(weights)) : .dense(.init(weights))
    }
}

/// Slices of 16 outputs by windows of 256 inputs, as 4-bit codes or as levels.
final class SparseVectorWeights: @unchecked Sendable {
    /// Whether weights are 4-bit codes into 16 levels, zero included.
    let isNarrow: Bool
    let view: cik_spmv_weights
    /// Places for weights, filled or not.
    let slots: Int
    private let buffers: [AlignedBuffer]

    var byteCount: Int { buffers.reduce(0) { $0 + $1.byteCount } }

    init(_ weights: SparseRows) {
        let distinct = Set(weights.levels).union([0]).sorted()
        isNarrow = distinct.count <= 16
        // Code 0 is level 0: it fills the slots that no weight needs.
        let levels = [0] + distinct.filter { $0 != 0 }
        let steps = Self.steps(of: weights)
        let total = steps.reduce(0) { $0 + Int($1) }
        slots = total * 64
        let columns = AlignedBuffer(byteCount: slots)
        let values = AlignedBuffer(byteCount: total * (isNarrow ? 32 : 64))
        let table = AlignedBuffer(
            levels.count <= 16 ? levels + zeros(16 - levels.count) : zeros(16))
        let stepBuffer = AlignedBuffer(steps)
        buffers = [stepBuffer, columns, values, table]
        view = cik_spmv_weights(
            slices: Self.slices(of: weights), windows: Self.windows(of: weights),
            steps: stepBuffer.pointer(to: UInt8.self), columns: columns.pointer(to: UInt8.self),
            weights: values.pointer(to: UInt8.self), levels: table.pointer(to: Int8.self))
        var codes = [UInt8](repeating: 0, count: 256)
        for (code, level) in levels.enumerated() { codes[Int(level) + 128] = UInt8(code) }
        fill(
            columns.base.assumingMemoryBound(to: UInt8.self),
            values.base.assumingMemoryBound(to: UInt8.self), from: weights, steps: steps,
            codes: codes)
    }

    static func slices(of weights: SparseRows) -> Int { roundedUp(weights.outputs, to: 16) / 16 }
    static func windows(of weights: SparseRows) -> Int {
        roundedUp(weights.columnCount, to: 256) / 256
    }

    /// `[slices, windows]`: a quarter of the nonzeros of the fullest row, rounded up.
    static func steps(of weights: SparseRows) -> [UInt8] {
        let windows = windows(of: weights)
        var steps = [UInt8](repeating: 0, count: slices(of: weights) * windows)
        var counts = [Int](repeating: 0, count: windows)
        for output in 0..<weights.outputs {
            for window in 0..<windows { counts[window] = 0 }
            for i in weights.starts[output]..<weights.starts[output + 1] {
                counts[Int(weights.columns[i]) / 256] += 1
            }
            for window in 0..<windows {
                let place = output / 16 * windows + window
                steps[place] = max(steps[place], UInt8((counts[window] + 3) / 4))
            }
        }
        return steps
    }

    /// Puts every nonzero into the next free slot of its row and window.
    private func fill(
        _ columns: UnsafeMutablePointer<UInt8>, _ values: UnsafeMutablePointer<UInt8>,
        from weights: SparseRows, steps: [UInt8], codes: [UInt8]
    ) {
        let windows = Self.windows(of: weights)
        var firstStep = [0]
        for count in steps { firstStep.append(firstStep.last! + Int(count)) }
        for output in 0..<weights.outputs {
            var window = 0
            var used = 0
            for i in weights.starts[output]..<weights.starts[output + 1] {
                let column = Int(weights.columns[i])
                if column / 256 != window { (window, used) = (column / 256, 0) }
                let step = firstStep[output / 16 * windows + window] + used / 4
                let slot = step * 64 + output % 16 * 4 + used % 4
                used += 1
                columns[slot] = UInt8(column % 256)
                if isNarrow {
                    let code = codes[Int(weights.levels[i]) + 128]
                    values[slot / 2] |= slot.isMultiple(of: 2) ? code : code << 4
                } else {
                    values[slot] = UInt8(bitPattern: weights.levels[i])
                }
            }
        }
    }
}

/// Rows of int8 levels, each a multiple of 64 long.
final class DenseVectorWeights: @unchecked Sendable {
    let view: cik_gemv_weights
    private let buffer: AlignedBuffer

    var byteCount: Int { buffer.byteCount }

    init(_ weights: SparseRows) {
        let stride = roundedUp(weights.columnCount, to: 64)
        buffer = denseRows(weights, stride: stride)
        view = cik_gemv_weights(
            outputs: weights.outputs, stride: stride, weights: buffer.pointer(to: Int8.self))
    }
}

/// `[outputs, stride]`, zeros where there is no weight.
func denseRows(_ weights: SparseRows, stride: Int) -> AlignedBuffer {
    let buffer = AlignedBuffer(byteCount: weights.outputs * stride)
    let levels = buffer.base.assumingMemoryBound(to: Int8.self)
    for output in 0..<weights.outputs {
        for i in weights.starts[output]..<weights.starts[output + 1] {
            levels[output * stride + Int(weights.columns[i])] = weights.levels[i]
        }
    }
    return buffer
}

func roundedUp(_ count: Int, to multiple: Int) -> Int {
    (count + multiple - 1) / multiple * multiple
}

private func zeros(_ count: Int) -> [Int8] { [Int8](repeating: 0, count: count) }
