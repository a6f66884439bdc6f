import Networks
import Tensors

/// The network while it is read: operations close to those of ONNX, before exporters' idioms are
/// recognised.
struct DraftGraph {
    enum Operation {
        case layer(any Layer)
        /// `scale · x + shift`, with one value for all or one a channel.
        case affine(scale: [Float], shift: [Float])
        /// Its input, unchanged: what a rewritten node leaves behind.
        case forward
    }

    struct Node {
        var name: String
        /// The node of the file that it stands for, and its operation.
        let origin: (node: String, operation: String)
        /// 0 is the network's input, `k` is the output of `nodes[k - 1]`.
        var inputs: [Int]
        var operation: Operation
        /// `[height, width, channels]` or `[features]`, of the output.
        let shape: [Int]

        var layer: (any Layer)? {
            if case .layer(let layer) = operation { return layer }
            return nil
        }
    }

    /// The most values that one sample may have, as in `Network`.
    static let largestSample = 1 << 31

    let inputShape: [Int]
    var nodes: [Node] = []

    init(inputShape: [Int]) { self.inputShape = inputShape }

    /// The sample shape of a value.
    func shape(of value: Int) -> [Int] { value == 0 ? inputShape : nodes[value - 1].shape }

    /// Appends a layer and returns its value.
    mutating func append(
        _ layer: any Layer, named name: String, inputs: [Int], origin: ONNXNode
    ) throws(ONNXProblem) -> Int {
        let shape: [Int]
        do {
            shape = try layer.outputShape(of: inputs.map { self.shape(of: $0) })
        } catch {
            throw .network(.shape(node: name, error))
        }
        guard let count = elementCount(of: shape), count <= Self.largestSample else {
            throw .network(.unusableShape(shape, of: name))
        }
        return append(.layer(layer), named: name, inputs: inputs, shape: shape, origin: origin)
    }

    mutating func append(
        _ operation: Operation, named name: String, inputs: [Int], shape: [Int], origin: ONNXNode
    ) -> Int {
        nodes.append(
            Node(
                name: name, origin: (origin.name, origin.operation), inputs: inputs,
                operation: operation, shape: shape))
        return nodes.count
    }
}
