import CIntegerKernels

/// The weights of a fully connected layer, packed for one sample at a time.
///
/// The layouts are written down in `CIntegerKernels.h`.
package enum VectorWeights: Sendable {
    case sparse(SparseVectorWeights)
    case dense(DenseVectorWeights)

    /// Packs for whichever kernel is estimated to be faster; `highest` is the largest byte read.
    package init(
        _ weights: SparseRows, highest: Int32, costs: cik_costs, preference: KernelPreference
    ) {
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

    /// What a run reads.
    package var buffers: [AlignedBuffer] {
        switch self {
        case .sparse(let weights): weights.buffers
        case .dense(let weights): [weights.buffer]
        }
    }

    package var byteCount: Int { buffers.reduce(0) { $0 + $1.byteCount } }

    /// Nanoseconds for all sums.
    func cost(_ costs: cik_costs) -> Double {
        switch self {
        case .sparse(let weights): weights.cost(costs)
        case .dense(let weights): Double(weights.buffer.byteCount) * costs.gemv_weight
        }
    }

    /// The nonzeros again.
    package func rows(outputs: Int, columns: Int) -> SparseRows {
        switch self {
        case .sparse(let weights): weights.rows(outputs: outputs, columns: columns)
        case .dense(let weights): weights.rows(columns: columns)
        }
    }
}

/// Rows of int8 levels, each a multiple of 64 long.
package final class DenseVectorWeights: @unchecked Sendable {
    package let view: cik_gemv_weights
    let buffer: AlignedBuffer

    init(_ weights: SparseRows, highest: Int32) {
        let stride = roundedUp(weights.columnCount, to: 64)
        buffer = denseRows(weights, stride: stride)
        view = cik_gemv_weights(
            outputs: weights.outputs, stride: stride, weights: buffer.pointer(to: Int8.self),
            highest: highest)
    }

    fileprivate func rows(columns: Int) -> SparseRows {
        var rows = SparseRows(columnCount: columns)
        for output in 0..<view.outputs {
            for column in 0..<columns where view.weights[output * view.stride + column] != 0 {
                rows.append(
                    column: UInt32(column), level: view.weights[output * view.stride + column])
            }
            rows.endOutput()
        }
        return rows
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
