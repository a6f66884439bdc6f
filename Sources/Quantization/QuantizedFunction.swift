import CFloatKernels
import Networks
import Tensors

/// A function between two grids, `second(f(first(x)))`: as many values as the first grid has codes.
///
/// So it is a table, and so are the slopes of what stands behind the first grid. One pass looks them
/// up, where three would go through memory: W4A4 steps of a MobileNetV2 with SiLU take 1.24 times as
/// long as those in floats, and took 1.47 times.
struct QuantizedFunction {
    private let first: UniformGrid
    /// `[256]` each: results, and their derivatives by the function's argument, and by step and offset
    /// of the second grid.
    private let values: [Float]
    private let slopes: [Float]
    private let stepSlopes: [Float]
    private let offsetSlopes: [Float]

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
        let padding = [Float](repeating: 0, count: Int(CFK_TABLE_SIZE) - arguments.count)
        values = rounded.elements + padding
        slopes = gradient.elements + padding
        let own = zip(results.elements, second.codes(of: results)).map { result, code in
            second.slopes(of: result, code: Float(code))
        }
        stepSlopes = own.map(\.step) + padding
        offsetSlopes = own.map(\.offset) + padding
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
                withSlopes { slopes in
                    let (x, sums) = (x.baseAddress!, sums.baseAddress!)
                    work.forEach { chunk, start, count in
                        cfk_quantize_lookup_gradient(
                            isa, grid, slopes, x + start, dy + start, dx.map { $0 + start },
                            Int64(count), sums + 4 * chunk)
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

    private func withSlopes(_ body: (cfk_lookup_slopes) -> Void) {
        slopes.withUnsafeBufferPointer { slopes in
            stepSlopes.withUnsafeBufferPointer { steps in
                offsetSlopes.withUnsafeBufferPointer { offsets in
                    body(
                        cfk_lookup_slopes(
                            values: slopes.baseAddress, steps: steps.baseAddress,
                            offsets: offsets.baseAddress))
                }
            }
        }
    }
}

extension UniformGrid {
    /// The derivatives of a rounded value by step and offset, as `backpropagate` has them.
    fileprivate func slopes(of value: Float, code: Float) -> (step: Float, offset: Float) {
        let u = (value - offset) / step
        return lowest < u && u < highest ? (code - u, 0) : (code, 1)
    }
}

/// A function between two quantizers is computed together with both.
extension ActivationQuantizer: ChainHead {
    public func takesOver(_ followers: ArraySlice<Network.Node>) -> Int {
        Self.function(followers) != nil && isPlain ? 2 : 0
    }

    /// The function and the quantizer behind it.
    private static func function(
        _ followers: ArraySlice<Network.Node>
    ) -> (ActivationFunction, ActivationQuantizer)? {
        guard followers.count >= 2,
            let function = followers[followers.startIndex].layer as? Activation,
            let second = followers[followers.startIndex + 1].layer as? ActivationQuantizer,
            second.isPlain
        else { return nil }
        return (function.function, second)
    }

    /// Whether it learns as LSQ+ has it.
    private var isPlain: Bool { !rule.needsSurrogate && rule.step == .learned }

    public func forward(
        _ input: Tensor, through followers: ArraySlice<Network.Node>, into output: inout Tensor,
        pass: inout Pass
    ) {
        let (function, second) = Self.function(followers)!
        QuantizedFunction(grid, function, second.grid)
            .forward(input, into: &output, threads: pass.threads)
    }

    public mutating func backward(
        _ input: Tensor, through followers: inout [Network.Node], outputGradient: inout Tensor,
        into inputGradient: inout Tensor, wants: Bool, pass: inout Pass
    ) {
        var (function, second) = Self.function(followers[...])!
        let table = QuantizedFunction(grid, function, second.grid)
        let sums: (first: GradientSums, second: GradientSums)
        if wants {
            swap(&inputGradient, &outputGradient)
            sums = table.backpropagate(input, gradient: &inputGradient, threads: pass.threads)
        } else {
            sums = table.parameterGradients(input, outputGradient, threads: pass.threads)
        }
        setGradients(sums.first, input: input)
        second.setGradients(sums.second, input: input)
        followers[1].layer = second
    }
}
