import CFloatKernels
import Networks
import Tensors

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
        _ input: Tensor, through followers: inout [Network.Node], into output: inout Tensor,
        pass: inout Pass
    ) {
        let (function, second) = Self.function(followers[...])!
        QuantizedFunction(grid, function, second.grid)
            .forward(input, into: &output, threads: pass.threads)
    }

    public mutating func backward(
        _ input: Tensor, through followers: inout [Network.Node], output: Tensor,
        outputGradient: inout Tensor, into inputGradient: inout Tensor, wants: Bool,
        pass: inout Pass
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

/// A normalization before it can take it over.
extension ActivationQuantizer: ElementwiseHead {
    public var worksByPieces: Bool { isPlain }

    public func function(
        through followers: ArraySlice<Network.Node>
    ) -> any ElementwiseFunction {
        guard let (function, second) = Self.function(followers) else {
            return GridFunction(grid: grid)
        }
        return QuantizedFunction(grid, function, second.grid)
    }

    public mutating func setGradients(
        _ sums: [Double], through followers: inout ArraySlice<Network.Node>, input: Tensor
    ) {
        setGradients(GradientSums(step: sums[0], offset: sums[1]), input: input)
        guard var (_, second) = Self.function(followers) else { return }
        second.setGradients(GradientSums(step: sums[2], offset: sums[3]), input: input)
        followers[followers.startIndex + 1].layer = second
    }
}

/// Rounding to a grid, piece by piece.
private struct GridFunction: ElementwiseFunction {
    let grid: UniformGrid

    /// Of step and offset.
    var sumCount: Int { 2 }

    func forward(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int) {
        cfk_fake_quantize(cfk_best_isa(), grid.kernelGrid, x, y, Int64(count))
    }

    func backward(
        _ x: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>, count: Int,
        sums: UnsafeMutablePointer<Double>
    ) {
        cfk_fake_quantize_gradient(
            cfk_best_isa(), grid.kernelGrid, x, gradient, gradient, Int64(count), sums)
    }
}

extension QuantizedFunction: ElementwiseFunction {
    /// Of step and offset of both grids.
    var sumCount: Int { 4 }

    func forward(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int) {
        cfk_quantize_lookup(cfk_best_isa(), first.kernelGrid, values, x, y, Int64(count))
    }

    func backward(
        _ x: UnsafePointer<Float>, gradient: UnsafeMutablePointer<Float>, count: Int,
        sums: UnsafeMutablePointer<Double>
    ) {
        cfk_quantize_lookup_gradient(
            cfk_best_isa(), first.kernelGrid, slopes, x, gradient, gradient, Int64(count), sums)
    }
}
