import Tensors

/// A normalization takes over a quantizer behind it, with all that the quantizer takes over.
extension BatchNormalization: ChainHead {
    public func takesOver(_ followers: ArraySlice<Network.Node>) -> Int {
        guard let head = followers.first?.layer as? any ElementwiseHead else { return 0 }
        let taken = head.takesOver(followers.dropFirst())
        return Self.function(followers.prefix(1 + taken)) == nil ? 0 : 1 + taken
    }

    private static func function(
        _ followers: ArraySlice<Network.Node>
    ) -> (any ElementwiseFunction)? {
        (followers.first?.layer as? any ElementwiseHead)?
            .function(through: followers.dropFirst())
    }

    public mutating func forward(
        _ input: Tensor, through followers: ArraySlice<Network.Node>, into output: inout Tensor,
        pass: inout Pass
    ) {
        let function = Self.function(followers)!
        prepare(input, pass: pass)
        kernels.forward(
            input, activation, scale: scale, shift: shift, into: &output, threads: pass.threads
        ) { function.forward($0, into: $1, count: $2) }
    }

    public mutating func backward(
        _ input: Tensor, through followers: inout [Network.Node], outputGradient: inout Tensor,
        into inputGradient: inout Tensor, wants: Bool, pass: inout Pass
    ) {
        let function = Self.function(followers[...])!
        let chunks = kernels.chunks(of: input)
        /// `[chunks, sumCount]`
        var pieces = [Double](repeating: 0, count: chunks * function.sumCount)
        let sums = pieces.withUnsafeMutableBufferPointer { pieces in
            let pieces = pieces.baseAddress!
            return kernels.gradientSums(
                input, activation, scale: scale, shift: shift, gradient: &outputGradient,
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
        backward(
            input, sums, outputGradient: &outputGradient, into: &inputGradient, wants: wants,
            pass: &pass)
    }
}
