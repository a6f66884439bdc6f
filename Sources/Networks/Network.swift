import Tensors

/// A graph of named layers in topological order. The last node's output is the network's.
///
/// Activations and gradients of a step are allocated once and used again by the next.
public struct Network: Sendable {
    public struct Node: Sendable {
        public let name: String
        /// Where the values come from: 0 is the network's input, `k` is the output of `nodes[k - 1]`.
        public let inputs: [Int]
        public var layer: any Layer

        public init(name: String, inputs: [Int], layer: any Layer) {
            self.name = name
            self.inputs = inputs
            self.layer = layer
        }
    }

    public let name: String
    /// `[height, width, channels]` or `[features]`.
    public let inputShape: [Int]
    public private(set) var nodes: [Node]
    /// The sample shape of each node's output.
    public private(set) var shapes: [[Int]]
    /// The input and then each node's output, of the last forward pass.
    private var activations: [Tensor] = []
    /// Those of the same values, while a backward pass needs them.
    private var gradients: [Tensor] = []
    /// Memory of gradients that nobody needs any more.
    private var freeGradients: [Tensor] = []
    private var effectiveIsCurrent = false
    /// How many nodes the last forward pass has computed.
    private var forwarded = 0
    /// For each node the last one that may be computed together with it.
    private var lastInRow: [Int] = []
    /// Of each node that ended a chain in the last forward pass, the one at its head.
    private var chainHeads: [Int: Int] = [:]

    /// - Throws: `NetworkError` for a graph that does not fit together.
    public init(name: String, inputShape: [Int], nodes: [Node]) throws(NetworkError) {
        self.name = name
        self.inputShape = inputShape
        self.nodes = nodes
        shapes = []
        guard !nodes.isEmpty else { throw .empty }
        try Self.requireUsable(inputShape, of: "input")
        var names: Set<String> = []
        for (index, node) in nodes.enumerated() {
            guard names.insert(node.name).inserted else { throw .duplicate(node.name) }
            guard node.inputs.allSatisfy({ (0...index).contains($0) }), !node.inputs.isEmpty else {
                throw .inputOutOfOrder(node: node.name, inputs: node.inputs)
            }
            let inputs = node.inputs.map { $0 == 0 ? inputShape : shapes[$0 - 1] }
            do {
                shapes.append(try node.layer.outputShape(of: inputs))
            } catch {
                throw .shape(node: node.name, error)
            }
            try Self.requireUsable(shapes[index], of: node.name)
        }
        lastInRow = Self.lastInRow(nodes, readers: readers)
    }

    /// The most values that one sample may have behind a node.
    static let largestSample = 1 << 31

    /// Products of the sizes fit wherever they are needed, and no size is 0.
    private static func requireUsable(_ shape: [Int], of name: String) throws(NetworkError) {
        guard !shape.isEmpty, let count = elementCount(of: shape), count > 0,
            count <= largestSample
        else { throw .unusableShape(shape, of: name) }
    }

    /// A chain of layers.
    public init(
        name: String, inputShape: [Int], chain: [(name: String, layer: any Layer)]
    ) throws(NetworkError) {
        try self.init(
            name: name, inputShape: inputShape,
            nodes: chain.enumerated().map {
                Node(name: $1.name, inputs: [$0], layer: $1.layer)
            })
    }

    /// The outputs for a batch `[batch, ...inputShape]`.
    public mutating func forward(_ x: Tensor, pass: inout Pass) -> Tensor {
        forward(x, through: nodes.count, pass: &pass)
    }

    /// What a loss on logits looks at: the outputs, or what a softmax at the end makes outputs of.
    public mutating func logits(for x: Tensor, pass: inout Pass) -> Tensor {
        guard let last = nodes.last, last.layer is Softmax, last.inputs[0] > 0 else {
            return forward(x, pass: &pass)
        }
        return forward(x, through: last.inputs[0], pass: &pass)
    }

    /// The output of node `count - 1`, and of all before it.
    private mutating func forward(_ x: Tensor, through count: Int, pass: inout Pass) -> Tensor {
        precondition(Array(x.shape.dropFirst()) == inputShape, "\(x.shape) into \(inputShape)")
        updateEffective(threads: pass.threads)
        allocate()
        activations[0] = x
        var zeros: [Float] = [0]
        chainHeads = [:]
        forwarded = count
        var index = 0
        while index < count {
            pass.paddingValue = zeros[nodes[index].inputs[0]]
            let end = pass.isTraining ? lastInChain(from: index) : index
            pass.wantsMoments = pass.isTraining && end + 1 < count && precedesNormalization(end)
            for node in nodes[index...end] {
                zeros.append(node.layer.paddingValue(behind: zeros[node.inputs[0]]))
            }
            var output = Tensor.empty
            swap(&output, &activations[end + 1])
            output.resize(to: [x.shape[0]] + shapes[end])
            if end > index {
                chainHeads[end] = index
                for inner in index..<end { activations[inner + 1] = .empty }
                let input = activations[nodes[index].inputs[0]]
                takeChain(index, to: end) { head, followers in
                    head.forward(input, through: &followers, into: &output, pass: &pass)
                }
            } else {
                let inputs = nodes[index].inputs.map { activations[$0] }
                nodes[index].layer.forward(inputs, into: &output, pass: &pass)
            }
            if !pass.wantsMoments { pass.moments = nil }
            swap(&output, &activations[end + 1])
            index = end + 1
        }
        return activations[count]
    }

    /// Whether it is a convolution whose output goes to a batch normalization and nowhere else.
    private func precedesNormalization(_ index: Int) -> Bool {
        lastInRow[index] > index && nodes[index].layer is Convolution
            && nodes[index + 1].layer is BatchNormalization
    }

    /// The last of the nodes that are computed together with node `index`.
    private func lastInChain(from index: Int) -> Int {
        guard lastInRow[index] > index, let head = nodes[index].layer as? any ChainHead else {
            return index
        }
        return index + head.takesOver(nodes[index + 1...lastInRow[index]])
    }

    /// Computes all gradients of the last forward pass, or of the last logits, from that of its result.
    public mutating func backward(_ outputGradient: Tensor, pass: inout Pass) {
        gradients[forwarded] = gradientMemory(for: outputGradient.shape)
        gradients[forwarded].assign(outputGradient)
        var isWritten = [Bool](repeating: false, count: nodes.count + 1)
        isWritten[forwarded] = true
        let depends = dependsOnVariables()
        for index in nodes[..<forwarded].indices.reversed() where isWritten[index + 1] {
            let first = chainHeads[index] ?? index
            let wants = nodes[first].inputs.map { depends[$0] }
            pass.defersNormalization = first > 0 && precedesNormalization(first - 1)
            backward(first, to: index, wants: wants, isWritten: &isWritten, pass: &pass)
        }
        for index in nodes.indices {
            nodes[index].layer.visitParameters { $1.backpropagate(threads: pass.threads) }
        }
        effectiveIsCurrent = false
    }

    /// Whether anything that is trained changes the input, and then each node's output. The gradients
    /// of the others are not computed: a first layer behind a flattening would spend a third of its
    /// time on them.
    private mutating func dependsOnVariables() -> [Bool] {
        var depends = [false]
        for index in nodes.indices {
            var result = nodes[index].inputs.contains { depends[$0] }
            nodes[index].layer.visitParameters { _, _ in result = true }
            nodes[index].layer.visitVariables { _, _ in result = true }
            depends.append(result)
        }
        return depends
    }

    /// Through one node, or through a chain to node `end`.
    private mutating func backward(
        _ index: Int, to end: Int, wants: [Bool], isWritten: inout [Bool], pass: inout Pass
    ) {
        let inputs = nodes[index].inputs
        let values = inputs.map { activations[$0] }
        var inputGradients = zip(values, wants).map {
            $1 ? gradientMemory(for: $0.shape) : .empty
        }
        if end > index {
            let output = activations[end + 1]
            var gradient = Tensor.empty
            swap(&gradient, &gradients[end + 1])
            takeChain(index, to: end) { head, followers in
                head.backward(
                    values[0], through: &followers, output: output, outputGradient: &gradient,
                    into: &inputGradients[0], wants: wants[0], pass: &pass)
            }
            swap(&gradient, &gradients[end + 1])
        } else {
            nodes[index].layer.backward(
                values, output: activations[index + 1], outputGradient: &gradients[index + 1],
                into: &inputGradients, wants: wants, pass: &pass)
        }
        freeGradient(of: end + 1)
        for (slot, source) in inputs.enumerated() where wants[slot] {
            if isWritten[source] {
                gradients[source].add(inputGradients[slot], threads: pass.threads)
                freeGradients.append(inputGradients[slot])
            } else {
                swap(&inputGradients[slot], &gradients[source])
                isWritten[source] = true
            }
        }
    }

    /// Changes a chain in its place: the memory of its layers is not shared meanwhile.
    private mutating func takeChain(
        _ index: Int, to end: Int, _ body: (inout any ChainHead, inout [Node]) -> Void
    ) {
        var head = nodes[index].layer as! any ChainHead
        var followers = Array(nodes[index + 1...end])
        for member in index...end { nodes[member].layer = Flatten() }
        body(&head, &followers)
        nodes[index].layer = head
        nodes.replaceSubrange(index + 1...end, with: followers)
    }

    /// The smallest free memory that is large enough, or new memory. So a backward pass works in a few
    /// buffers that stay in the caches.
    private mutating func gradientMemory(for shape: [Int]) -> Tensor {
        let count = shape.reduce(1, *)
        let capacities = freeGradients.map(\.capacity)
        let fitting = capacities.indices.filter { capacities[$0] >= count }
        guard let best = fitting.min(by: { capacities[$0] < capacities[$1] }) else {
            return Tensor(shape: shape)
        }
        var gradient = freeGradients.remove(at: best)
        gradient.resize(to: shape)
        return gradient
    }

    private mutating func freeGradient(of value: Int) {
        var free = Tensor.empty
        swap(&free, &gradients[value])
        freeGradients.append(free)
    }

    /// Computes what the layers compute with from what is trained, unless nothing has changed.
    public mutating func updateEffective(threads: Int = 1) {
        if effectiveIsCurrent { return }
        for index in nodes.indices {
            nodes[index].layer.visitParameters { $1.updateEffective(threads: threads) }
        }
        effectiveIsCurrent = true
    }

    /// Visits all parameters as `node.weight`, always in the same order.
    public mutating func visitParameters(_ visit: (String, inout Parameter) -> Void) {
        for index in nodes.indices {
            let name = nodes[index].name
            nodes[index].layer.visitParameters { visit("\(name).\($0)", &$1) }
        }
        effectiveIsCurrent = false
    }

    /// Hands out all parameters as `node.weight`, always in the same order.
    public func forEachParameter(_ body: (String, Parameter) -> Void) {
        for node in nodes {
            var layer = node.layer
            layer.visitParameters { body("\(node.name).\($0)", $1) }
        }
    }

    /// Visits everything that is trained, as `node.weight`, `node.weight.step`, `node.step`, ...
    public mutating func visitVariables(_ visit: (String, inout Variable) -> Void) {
        for index in nodes.indices {
            let node = nodes[index].name
            nodes[index].layer.visitParameters { parameter, value in
                value.visitVariables { name, variable in
                    visit("\(node).\(parameter)" + (name.isEmpty ? "" : ".\(name)"), &variable)
                }
            }
            nodes[index].layer.visitVariables { visit("\(node).\($0)", &$1) }
        }
        effectiveIsCurrent = false
    }

    /// Changes one node's layer.
    public mutating func updateLayer(at index: Int, _ change: (inout any Layer) -> Void) {
        change(&nodes[index].layer)
        effectiveIsCurrent = false
    }

    /// The output of a node (or the input, index 0) in the last forward pass; empty for what is not computed
    /// in training (`ChainHead`).
    public func activation(_ index: Int) -> Tensor { activations[index] }

    /// How many numbers the parameters have, biases included.
    public var parameterCount: Int {
        var count = 0
        forEachParameter { count += $1.effective.count }
        return count
    }

    /// Gives back the memory of activations and gradients; the next step takes it anew.
    public mutating func releaseStepMemory() {
        (activations, gradients, freeGradients) = ([], [], [])
        for index in nodes.indices {
            nodes[index].layer.visitParameters { $1.releaseGradients() }
        }
    }

    /// How many numbers the input and all outputs of nodes are for one sample.
    public var elementsPerSample: Int {
        shapes.reduce(inputShape.reduce(1, *)) { $0 + $1.reduce(1, *) }
    }

    private mutating func allocate() {
        guard activations.count != nodes.count + 1 else { return }
        activations = Array(repeating: .empty, count: nodes.count + 1)
        gradients = activations
    }
}

/// A graph that does not fit together.
public enum NetworkError: Error, Equatable, CustomStringConvertible {
    case empty
    case duplicate(String)
    case inputOutOfOrder(node: String, inputs: [Int])
    case shape(node: String, ShapeError)
    case unusableShape([Int], of: String)

    public var description: String {
        switch self {
        case .empty: "a network needs at least one layer"
        case .duplicate(let name): "two layers are named '\(name)'"
        case .inputOutOfOrder(let node, let inputs):
            "layer '\(node)' takes inputs \(inputs), which do not all stand before it"
        case .shape(let node, let error): "layer '\(node)': \(error)"
        case .unusableShape(let shape, let name):
            "'\(name)' has shape \(shape), expected 1 to \(Network.largestSample) values"
        }
    }
}
