import Tensors

/// Networks made from others: layers in place of a layer, behind a value, or taken away.
extension Network {
    /// Where a layer reads a value.
    public struct Reader: Hashable, Sendable {
        /// Which of the nodes.
        public var node: Int
        /// Which of the node's inputs.
        public var slot: Int

        public init(node: Int, slot: Int) {
            self.node = node
            self.slot = slot
        }
    }

    /// A layer that is to stand behind a value, for some of those that read the value.
    public struct Insertion: Sendable {
        public var name: String
        public var layer: any Layer
        /// 0 is the network's input, `k` is the output of `nodes[k - 1]`.
        public var value: Int
        /// The insertion, among those before this one and behind the same value, whose output it
        /// reads; `nil` if it reads the value itself.
        public var behind: Int?
        /// Those who read its output from now on in place of the value.
        public var readers: [Reader]

        public init(
            name: String, layer: any Layer, value: Int, behind: Int? = nil, readers: [Reader]
        ) {
            self.name = name
            self.layer = layer
            self.value = value
            self.behind = behind
            self.readers = readers
        }
    }

    /// Who reads each value: `[nodes + 1]`, the input's readers first.
    public var readers: [[Reader]] {
        var readers = [[Reader]](repeating: [], count: nodes.count + 1)
        for (node, slots) in nodes.enumerated() {
            for (slot, value) in slots.inputs.enumerated() {
                readers[value].append(Reader(node: node, slot: slot))
            }
        }
        return readers
    }

    /// The same network with layers put behind values. One behind the last node's output becomes the
    /// network's output.
    public func inserting(_ insertions: [Insertion]) throws(NetworkError) -> Network {
        var result: [Node] = []
        /// What each value, and the output of each insertion, has become.
        var values = [0]
        var outputs = [Int](repeating: 0, count: insertions.count)
        var source: [Reader: Int] = [:]
        for value in 0...nodes.count {
            if value > 0 {
                let node = nodes[value - 1]
                let inputs = node.inputs.enumerated().map { slot, input in
                    source[Reader(node: value - 1, slot: slot)] ?? values[input]
                }
                result.append(Node(name: node.name, inputs: inputs, layer: node.layer))
                values.append(result.count)
            }
            for (index, insertion) in insertions.enumerated() where insertion.value == value {
                let input = insertion.behind.map { outputs[$0] } ?? values[value]
                result.append(
                    Node(name: insertion.name, inputs: [input], layer: insertion.layer))
                outputs[index] = result.count
                for reader in insertion.readers { source[reader] = result.count }
            }
        }
        return try Network(name: name, inputShape: inputShape, nodes: result)
    }

    /// The same network with a chain of layers in place of some nodes: the first of the chain reads
    /// what the node read, and the last one's output stands for the node's.
    /// - Parameter chain: the layers for a node with their names; none takes the node away, and what
    ///   read it reads its first input; `nil` leaves it as it is.
    public func replacing(
        _ chain: (Node) -> [(name: String, layer: any Layer)]?
    ) throws(NetworkError) -> Network {
        var result: [Node] = []
        var values = [0]
        for node in nodes {
            var inputs = node.inputs.map { values[$0] }
            for (name, layer) in chain(node) ?? [(node.name, node.layer)] {
                result.append(Node(name: name, inputs: inputs, layer: layer))
                inputs = [result.count]
            }
            values.append(inputs[0])
        }
        return try Network(name: name, inputShape: inputShape, nodes: result)
    }
}
