import CFloatKernels
import Tensors

/// The forward and the backward pass of fake quantization over whole tensors.
///
/// Bytes read and written, in GB/s, on one core of a Xeon with AVX-512 that others used too:
///
///                    copy   forward (SSE2, AVX2, AVX-512)   backward (SSE2, AVX2, AVX-512)
///     64 KiB           90        27    35    36                  19    30    45
///     64 MiB           14        11    12    11                  10    11    12
///
/// So from memory it is about as fast as a copy; in cache the division is what takes time.
extension UniformGrid {
    /// Elements of a chunk. Sums are made chunk by chunk and added in the order of the chunks, so
    /// they do not depend on the number of threads.
    static let chunkSize = 8192
    /// Fewer elements than this (about 20 µs of work) are not worth a second thread.
    static let parallelThreshold = 1 << 16

    /// Writes `step · code + offset` of each element.
    public func fakeQuantize(_ values: Tensor, into result: inout Tensor, threads: Int = 1) {
        precondition(
            values.shape == result.shape, "values \(values.shape), result \(result.shape)")
        let (isa, grid) = (cfk_best_isa(), kernelGrid)
        values.withUnsafeElements { x in
            result.withUnsafeMutableElements { y in
                let work = Chunks(count: x.count, threads: threads)
                let (x, y) = (x.baseAddress!, y.baseAddress!)
                work.forEach { _, start, count in
                    cfk_fake_quantize(isa, grid, x + start, y + start, Int64(count))
                }
            }
        }
    }

    /// The straight-through gradients of `fakeQuantize` (Esser et al. 2020, eq. 3 and 5; Bhalgat et
    /// al. 2020, eq. 4 and 5), unscaled. An element is inside if `lowest < u < highest` for
    /// `u = (x − offset) / step`; only there it passes its gradient on.
    ///
    ///     ∂x̂/∂step   = code − u inside, code outside
    ///     ∂x̂/∂offset = 0 inside, 1 outside
    ///
    /// - Parameter valueGradient: receives the gradient with respect to `values`.
    /// - Returns: the loss gradients with respect to step and offset.
    public func backpropagate(
        _ values: Tensor, resultGradient: Tensor, into valueGradient: inout Tensor, threads: Int = 1
    ) -> (step: Double, offset: Double) {
        precondition(
            values.shape == resultGradient.shape && values.shape == valueGradient.shape,
            "values \(values.shape), gradients \(resultGradient.shape), \(valueGradient.shape)")
        return valueGradient.withUnsafeMutableElements { dx in
            resultGradient.withUnsafeElements { dy in
                gradients(values, dy.baseAddress!, dx.baseAddress, threads)
            }
        }
    }

    /// The same in place: the gradient with respect to the result becomes that with respect to `values`.
    public func backpropagate(
        _ values: Tensor, gradient: inout Tensor, threads: Int = 1
    ) -> (step: Double, offset: Double) {
        precondition(
            values.shape == gradient.shape, "values \(values.shape), gradient \(gradient.shape)")
        return gradient.withUnsafeMutableElements { gradient in
            gradients(values, gradient.baseAddress!, gradient.baseAddress, threads)
        }
    }

    /// The same without the gradient of the values.
    public func parameterGradients(
        _ values: Tensor, resultGradient: Tensor, threads: Int = 1
    ) -> (step: Double, offset: Double) {
        precondition(
            values.shape == resultGradient.shape,
            "values \(values.shape), gradient \(resultGradient.shape)")
        return resultGradient.withUnsafeElements {
            gradients(values, $0.baseAddress!, nil, threads)
        }
    }

    private func gradients(
        _ values: Tensor, _ dy: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>?,
        _ threads: Int
    ) -> (step: Double, offset: Double) {
        let (isa, grid) = (cfk_best_isa(), kernelGrid)
        let work = Chunks(count: values.count, threads: threads)
        /// `[chunks, 2]`: the sums for step and offset
        var sums = [Double](repeating: 0, count: 2 * work.chunkCount)
        values.withUnsafeElements { x in
            sums.withUnsafeMutableBufferPointer { sums in
                let (x, sums) = (x.baseAddress!, sums.baseAddress!)
                work.forEach { chunk, start, count in
                    cfk_fake_quantize_gradient(
                        isa, grid, x + start, dy + start, dx.map { $0 + start }, Int64(count),
                        sums + 2 * chunk)
                }
            }
        }
        var total = (step: 0.0, offset: 0.0)
        for chunk in 0..<work.chunkCount {
            total.step += sums[2 * chunk]
            total.offset += sums[2 * chunk + 1]
        }
        return total
    }
}

/// The same for weights `[..., outputs]` in which each output has a step of its own. The grid's step
/// and offset are not used.
extension UniformGrid {
    /// - Parameter steps: `[outputs]`, positive.
    func fakeQuantize(_ values: Tensor, steps: [Float], into result: inout Tensor) {
        precondition(
            values.shape == result.shape && values.shape.last == steps.count,
            "values \(values.shape), result \(result.shape), \(steps.count) steps")
        let rows = Int64(values.count / steps.count)
        values.withUnsafeElements { x in
            result.withUnsafeMutableElements { y in
                cfk_fake_quantize_columns(
                    cfk_best_isa(), kernelGrid, steps, x.baseAddress, y.baseAddress, rows,
                    Int64(steps.count))
            }
        }
    }

    /// - Returns: `[outputs]`, the loss gradients with respect to the steps, unscaled.
    func backpropagate(
        _ values: Tensor, steps: [Float], resultGradient: Tensor, into valueGradient: inout Tensor
    ) -> [Double] {
        precondition(
            values.shape == resultGradient.shape && values.shape == valueGradient.shape
                && values.shape.last == steps.count,
            "values \(values.shape), gradient \(resultGradient.shape), \(steps.count) steps")
        let rows = Int64(values.count / steps.count)
        var sums = [Double](repeating: 0, count: steps.count)
        values.withUnsafeElements { x in
            resultGradient.withUnsafeElements { dy in
                valueGradient.withUnsafeMutableElements { dx in
                    cfk_fake_quantize_columns_gradient(
                        cfk_best_isa(), kernelGrid, steps, x.baseAddress, dy.baseAddress,
                        dx.baseAddress, rows, Int64(steps.count), &sums)
                }
            }
        }
        return sums
    }
}

/// Elements cut into chunks of constant size, for a number of threads.
struct Chunks {
    let count: Int
    let workers: Int
    var chunkCount: Int { (count + UniformGrid.chunkSize - 1) / UniformGrid.chunkSize }

    init(count: Int, threads: Int) {
        self.count = count
        workers = count < UniformGrid.parallelThreshold ? 1 : max(threads, 1)
    }

    /// Calls `body` with index, first element and number of elements of each chunk. A thread takes the
    /// next chunk when it is done with one, since others may use its core too.
    func forEach(_ body: (Int, Int, Int) -> Void) {
        parallel(chunks: chunkCount, threads: workers) { (chunk: Int) in
            let start = chunk * UniformGrid.chunkSize
            body(chunk, start, min(UniformGrid.chunkSize, count - start))
        }
    }
}
