import Tensors

/// A normalization takes over a convolution that can make its input part by part, or a quantizer with all
/// that the quantizer takes over.
extension BatchNormalization: ChainHead {
    public func takesOver(_ followers: ArraySlice<Network.Node>) -> Int {
        if let convolution = followers.first?.layer as? Convolution {
            return convolution.takesNormalizedInput ? 1 : 0
        }
        guard let head = followers.first?.layer as? any ElementwiseHead else { return 0 }
        return head.worksByPieces ? 1 + head.takesOver(followers.dropFirst()) : 0
    }

    private static func function(
        _ followers: ArraySlice<Network.Node>
    ) -> any ElementwiseFunction {
        (followers.first!.layer as! any ElementwiseHead).function(through: followers.dropFirst())
    }

    private func source(_ input: Tensor) -> NormalizedInput {
        NormalizedInput(input, activation, scale: scale, shift: shift)
    }

    public mutating func forward(
        _ input: Tensor, through followers: inout [Network.Node], into output: inout Tensor,
        pass: inout Pass
    ) {
        prepare(input, pass: pass)
        if followers[0].layer is Convolution {
            followers[0].takeLayer(as: Convolution.self) {
                $0.forward(source(input), into: &output, pass: &pass)
            }
            return
        }
        let function = Self.function(followers[...])
        kernels.forward(
            input, activation, scale: scale, shift: shift, into: &output, threads: pass.threads
        ) { function.forward($0, into: $1, count: $2) }
    }

    public mutating func backward(
        _ input: Tensor, through followers: inout [Network.Node], output: Tensor,
        outputGradient: inout Tensor, into inputGradient: inout Tensor, wants: Bool,
        pass: inout Pass
    ) {
        let sums: [(Double, Double)]
        if followers[0].layer is Convolution {
            // The convolution needs room for its input's gradient, wanted or not.
            if !wants { inputGradient = Tensor(shape: input.shape) }
            sums = followers[0].takeLayer(as: Convolution.self) {
                $0.backward(
                    source(input), output: output, outputGradient: &outputGradient,
                    into: &inputGradient, pass: &pass)
            }
        } else {
            sums = backward(input, through: &followers, gradient: &outputGradient, pass: pass)
            if wants { swap(&inputGradient, &outputGradient) }
        }
        finishBackward(input, sums, gradient: &inputGradient, wants: wants, pass: &pass)
    }

    /// Through quantizers and the first step of the normalization.
    private mutating func backward(
        _ input: Tensor, through followers: inout [Network.Node], gradient: inout Tensor,
        pass: Pass
    ) -> [(Double, Double)] {
        let function = Self.function(followers[...])
        let chunks = kernels.chunks(of: input)
        /// `[chunks, sumCount]`
        var pieces = [Double](repeating: 0, count: chunks * function.sumCount)
        let sums = pieces.withUnsafeMutableBufferPointer { pieces in
            let pieces = pieces.baseAddress!
            return kernels.gradientSums(
                input, activation, scale: scale, shift: shift, gradient: &gradient,
                threads: pass.threads
            ) { chunk, x, gradient, count in
                function.backward(
                    x, gradient: gradient, count: count, sums: pieces + chunk * function.sumCount)
            }
        }
        var totals = [Double](repeating: 0, count: function.sumCount)
        for (index, sum) in pieces.enumerated() { totals[index % totals.count] += sum }
        var head = followers[0].layer as! any ElementwiseHead
        var rest = followers[1...]
        head.setGradients(totals, through: &rest, input: input)
        followers[0].layer = head
        followers.replaceSubrange(1..., with: rest)
        return sums
    }
}
