import Tensors

/// A layer that, in training, takes over the work of some that follow it: all of them in one pass over
/// memory, which is what these layers spend their time on.
///
/// Results and gradients are those that the layers would give one by one. What lies between them is
/// not computed.
public protocol ChainHead: Layer {
    /// How many of the nodes behind it, each of which alone reads the one before, it takes over.
    func takesOver(_ followers: ArraySlice<Network.Node>) -> Int

    /// Writes the output of the last follower.
    mutating func forward(
        _ input: Tensor, through followers: inout [Network.Node], into output: inout Tensor,
        pass: inout Pass)

    /// Writes the gradients of all variables, and that of the input if `wants` it.
    ///
    /// - Parameter output: what the forward pass gave, of the last follower.
    mutating func backward(
        _ input: Tensor, through followers: inout [Network.Node], output: Tensor,
        outputGradient: inout Tensor, into inputGradient: inout Tensor, wants: Bool,
        pass: inout Pass)
}

extension Network.Node {
    /// Changes the layer in its place: its memory is not shared meanwhile.
    mutating func takeLayer<L: Layer, Result>(
        as kind: L.Type, _ body: (inout L) -> Result
    ) -> Result {
        var layer = self.layer as! L
        self.layer = Flatten()
        defer { self.layer = layer }
        return body(&layer)
    }
}

extension Network {
    /// For each node the last one that can be in a chain with it: from one to the next there is a
    /// single reader, with nothing else to read.
    static func lastInRow(_ nodes: [Node], readers: [[Reader]]) -> [Int] {
        var last = Array(nodes.indices)
        for index in nodes.indices.dropLast().reversed()
        where readers[index + 1].count == 1 && nodes[index + 1].inputs == [index + 1] {
            last[index] = last[index + 1]
        }
        return last
    }
}
