import CIntegerKernels

/// The weights of a fully connected layer, packed for one sample at a time.
///
/// The layouts are written down in `CIntegerKernels.h`.
enum VectorWeights: Sendable {
    case sparse(SparseVectorWeights)
    case dense(DenseVectorWeights)

    /// Packs for whichever kernel is estimated to be faster; `highest` is the largest byte read.
    init(_ weights: SparseRows, highest: Int32, costs: cik_costs, preference: KernelPreference) {
        let schedule = VectorSchedule(weights, costs: costs)
        let stride = roundedUp(weights.columnCount, to: 64)
        let dense = Double(weights.outputs * stride) * costs.gemv_weight
        let sparse = Double(schedule.slots) * costs.spmvSlot(window: schedule.window)
        let isSparse = preference.choosesSparse(sparse: sparse, dense: dense)
        self =
            isSparse
            ? .sparse(.init(weights, schedule: schedule, highest: highest))
            : .dense(.init(weights, highest: highest))
    }
}

/// Rows of int8 levels, each a multiple of 64 long.
final class DenseVectorWeights: @unchecked Sendable {
    let view: cik_gemv_weights
    private let buffer: AlignedBuffer

    var byteCount: Int { buffer.byteCount }

    init(_ weights: SparseRows, highest: Int32) {
        let stride = roundedUp(weights.columnCount, to: 64)
        buffer = denseRows(weights, stride: stride)
        view = cik_gemv_weights(
            outputs: weights.outputs, stride: stride, weights: buffer.pointer(to: Int8.self),
            highest: highest)
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
