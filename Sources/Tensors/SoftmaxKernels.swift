import CFloatKernels

extension Tensor {
    /// `self = exp(x) / Σ exp(x)` over the last dimension.
    public mutating func assignSoftmax(of x: Tensor, threads: Int) {
        precondition(count == x.count)
        let (columns, rows) = Self.rows(of: x)
        withPointers(x, &self) { x, y in
            Self.parallelRows(rows, columns: columns, threads: threads) { part in
                let start = part.lowerBound * columns
                cfk_softmax(x + start, Int64(part.count), Int64(columns), y + start)
            }
        }
    }

    /// `self = y · (dy − Σ y · dy)`: the gradient behind `y = softmax(x)`.
    public mutating func assignSoftmaxGradient(_ dy: Tensor, output y: Tensor, threads: Int) {
        precondition(count == y.count && dy.count == y.count)
        let (columns, rows) = Self.rows(of: y)
        withPointers(y, dy, &self) { y, dy, dx in
            Self.parallelRows(rows, columns: columns, threads: threads) { part in
                let start = part.lowerBound * columns
                cfk_softmax_gradient(
                    y + start, dy + start, Int64(part.count), Int64(columns), dx + start)
            }
        }
    }

    private static func rows(of x: Tensor) -> (columns: Int, rows: Int) {
        let columns = x.shape.last!
        return (columns, columns == 0 ? 0 : x.count / columns)
    }

    /// Chunks of about 16,384 values: 100 µs.
    private static func parallelRows(
        _ rows: Int, columns: Int, threads: Int, _ body: (Range<Int>) -> Void
    ) {
        let size = max(1, 16384 / max(1, columns))
        parallel(chunks: (rows + size - 1) / size, threads: threads) { chunk in
            body(range(ofChunk: chunk, size: size, count: rows))
        }
    }
}
