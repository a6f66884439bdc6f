import CFloatKernels

extension Tensor {
    /// `self += x`
    public mutating func add(_ x: Tensor, threads: Int = 1) {
        precondition(shape == x.shape, "\(shape) + \(x.shape)")
        let count = count
        withPointers(x, &self) { x, y in
            parallel(chunks: (count + Self.part - 1) / Self.part, threads: threads) { chunk in
                let part = range(ofChunk: chunk, size: Self.part, count: count)
                cfk_add(bestISA, x + part.lowerBound, y + part.lowerBound, Int64(part.count))
            }
        }
    }

    /// `self = a · b`, element by element.
    public mutating func assignProduct(_ a: Tensor, _ b: Tensor, threads: Int = 1) {
        precondition(count == a.count && count == b.count)
        let count = count
        withPointers(a, b, &self) { a, b, y in
            parallel(chunks: (count + Self.part - 1) / Self.part, threads: threads) { chunk in
                let part = range(ofChunk: chunk, size: Self.part, count: count)
                let start = part.lowerBound
                cfk_multiply(bestISA, a + start, b + start, y + start, Int64(part.count))
            }
        }
    }
}

extension Tensor {
    /// `self = x` in the memory that is there, where assignment would share that of `x`.
    public mutating func assign(_ x: Tensor) {
        precondition(count == x.count)
        let count = count
        withPointers(x, &self) { x, y in y.update(from: x, count: count) }
    }

    /// Sets to exactly 0 what is there where the mask is 0.
    public mutating func clear(whereZero mask: [UInt8]) {
        precondition(count == mask.count, "\(mask.count) for \(shape)")
        withUnsafeMutableElements { elements in
            mask.withUnsafeBufferPointer { mask in
                for index in elements.indices where mask[index] == 0 { elements[index] = 0 }
            }
        }
    }

    /// `self = x` where the mask is not 0, else exactly 0, whatever `x` is there.
    public mutating func assign(_ x: Tensor, where mask: [UInt8], threads: Int = 1) {
        precondition(count == x.count && count == mask.count, "\(mask.count) for \(x.shape)")
        let count = count
        mask.withUnsafeBufferPointer { mask in
            guard let mask = mask.baseAddress else { return }
            withPointers(x, &self) { x, y in
                parallel(chunks: (count + Self.part - 1) / Self.part, threads: threads) { chunk in
                    let part = range(ofChunk: chunk, size: Self.part, count: count)
                    let start = part.lowerBound
                    cfk_mask(bestISA, x + start, mask + start, y + start, Int64(part.count))
                }
            }
        }
    }
}

extension Tensor {
    /// Transposes the `[rows, columns]` matrix of each sample.
    public mutating func assignTransposed(_ x: Tensor, rows: Int, columns: Int, threads: Int) {
        let size = rows * columns
        precondition(count == x.count && size > 0 && count % size == 0)
        let batch = count / size
        withPointers(x, &self) { x, y in
            if rows == 1 || columns == 1 { return y.update(from: x, count: batch * size) }
            parallel(chunks: batch, threads: threads) { sample in
                cfk_transpose(x + sample * size, Int64(rows), Int64(columns), y + sample * size)
            }
        }
    }
}
