import CFloatKernels
import Tensors

/// A function between two grids, `second(f(first(x)))`: as many values as the first grid has codes.
///
/// So it is a table, and so are the slopes of what stands behind the first grid. One pass looks them
/// up, where three would go through memory.
struct QuantizedFunction {
    let first: UniformGrid
    /// `[257]` each, the last for what is not a number: results, and their derivatives by the function's
    /// argument and by the second grid's step.
    let values: [Float]
    let slopes: [cfk_slopes]

    init(_ first: UniformGrid, _ function: ActivationFunction, _ second: UniformGrid) {
        precondition(
            first.highest - first.lowest < Float(CFK_TABLE_SIZE), "\(first) has too many codes")
        self.first = first
        let arguments = Tensor(
            shape: [Int(first.highest - first.lowest) + 1],
            elements: stride(from: first.lowest, through: first.highest, by: 1).map {
                $0 * first.step + first.offset
            })
        var results = Tensor(shape: arguments.shape)
        results.assign(function, of: arguments, threads: 1)
        var rounded = Tensor(shape: arguments.shape)
        second.fakeQuantize(results, into: &rounded)
        var gradient = Tensor(shape: arguments.shape, repeating: 1)
        _ = second.backpropagate(results, gradient: &gradient)
        gradient.multiply(byDerivativeOf: function, at: arguments, threads: 1)
        let missing = Int(CFK_TABLE_SIZE) + 1 - arguments.count
        values = rounded.elements + [Float](repeating: .nan, count: missing)
        let codes = second.codes(of: results)
        slopes =
            arguments.elements.indices.map {
                second.slopes(of: results[$0], code: Float(codes[$0]), value: gradient[$0])
            } + [cfk_slopes](repeating: cfk_slopes(), count: missing)
    }

    func forward(_ x: Tensor, into y: inout Tensor, threads: Int) {
        precondition(x.shape == y.shape, "values \(x.shape), result \(y.shape)")
        let (isa, grid) = (cfk_best_isa(), first.kernelGrid)
        x.withUnsafeElements { x in
            y.withUnsafeMutableElements { y in
                values.withUnsafeBufferPointer { table in
                    let work = Chunks(count: x.count, threads: threads)
                    work.forEach { _, start, count in
                        cfk_quantize_lookup(
                            isa, grid, table.baseAddress, x.baseAddress! + start,
                            y.baseAddress! + start, Int64(count))
                    }
                }
            }
        }
    }

    /// Turns the gradient of the result into that of `x`.
    /// - Returns: the gradients of both grids, unscaled.
    func backpropagate(
        _ x: Tensor, gradient: inout Tensor, threads: Int
    ) -> (first: GradientSums, second: GradientSums) {
        precondition(x.shape == gradient.shape, "values \(x.shape), gradient \(gradient.shape)")
        return gradient.withUnsafeMutableElements {
            gradients(x, $0.baseAddress!, into: $0.baseAddress!, threads)
        }
    }

    /// The same without the gradient of `x`.
    func parameterGradients(
        _ x: Tensor, _ resultGradient: Tensor, threads: Int
    ) -> (first: GradientSums, second: GradientSums) {
        precondition(x.shape == resultGradient.shape)
        return resultGradient.withUnsafeElements {
            gradients(x, $0.baseAddress!, into: nil, threads)
        }
    }

    private func gradients(
        _ x: Tensor, _ dy: UnsafePointer<Float>, into dx: UnsafeMutablePointer<Float>?,
        _ threads: Int
    ) -> (first: GradientSums, second: GradientSums) {
        let (isa, grid) = (cfk_best_isa(), first.kernelGrid)
        let work = Chunks(count: x.count, threads: threads)
        /// `[chunks, 4]`
        var sums = [Double](repeating: 0, count: 4 * work.chunkCount)
        x.withUnsafeElements { x in
            sums.withUnsafeMutableBufferPointer { sums in
                slopes.withUnsafeBufferPointer { slopes in
                    let (x, sums) = (x.baseAddress!, sums.baseAddress!)
                    work.forEach { chunk, start, count in
                        cfk_quantize_lookup_gradient(
                            isa, grid, slopes.baseAddress, x + start, dy + start,
                            dx.map { $0 + start }, Int64(count), sums + 4 * chunk)
                    }
                }
            }
        }
        var total = (first: GradientSums(), second: GradientSums())
        for chunk in stride(from: 0, to: sums.count, by: 4) {
            total.first += GradientSums(step: sums[chunk], offset: sums[chunk + 1])
            total.second += GradientSums(step: sums[chunk + 2], offset: sums[chunk + 3])
        }
        return total
    }
}

extension UniformGrid {
    /// The derivatives of a rounded result, as `backpropagate` has them: the one by the step, and `value`,
    /// which is −0 outside.
    fileprivate func slopes(of result: Float, code: Float, value: Float) -> cfk_slopes {
        let u = (result - offset) / step
        return lowest < u && u < highest
            ? cfk_slopes(value: value + 0, step: code - u) : cfk_slopes(value: -0.0, step: code)
    }
}
