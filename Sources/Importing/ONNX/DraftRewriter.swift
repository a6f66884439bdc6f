import Networks
import Tensors

/// Recognises the idioms of exporters, and puts together what one layer can do.
///
/// Every rule looks at a node and at what it takes, in order; a node that nothing takes any longer is
/// left out in the end.
///
///     clip(x + 3, 0, 6) / 6            hard-sigmoid
///     x · hard-sigmoid(x)              hard-swish, also as x · clip(x + 3, 0, 6) / 6
///     x · sigmoid(x)                   SiLU
///     (x W) · a + b                    a linear layer or a convolution with other weights
///     relu(batch norm), clip(x + y)    one layer with an activation function
struct DraftRewriter {
    private(set) var graph: DraftGraph
    private let output: Int
    /// How many inputs of nodes are value `k`; the network's output counts as one.
    private var uses: [Int]

    init(_ graph: DraftGraph, output: Int) {
        self.graph = graph
        self.output = output
        uses = [Int](repeating: 0, count: graph.nodes.count + 1)
        uses[output] = 1
        for index in graph.nodes.indices.reversed() where uses[index + 1] > 0 {
            for input in graph.nodes[index].inputs { uses[input] += 1 }
        }
    }

    /// Applies all rules and returns the nodes of the network.
    mutating func rewritten() throws(ONNXError.Located) -> [Network.Node] {
        forEachNode { rewriter, value in rewriter.recogniseFunction(at: value) }
        forEachNode { rewriter, value in rewriter.fuse(at: value) }
        return try networkNodes()
    }

    private mutating func forEachNode(_ rule: (inout DraftRewriter, Int) -> Bool) {
        for value in graph.nodes.indices.map({ $0 + 1 }) where uses[value] > 0 {
            followForwards(value)
            while rule(&self, value) { followForwards(value) }
        }
    }

    // MARK: Looking and changing

    private func node(_ value: Int) -> DraftGraph.Node? {
        value == 0 ? nil : graph.nodes[value - 1]
    }

    private func function(_ value: Int) -> ActivationFunction? {
        (node(value)?.layer as? Activation)?.function
    }

    private func affine(_ value: Int) -> (scale: [Float], shift: [Float], input: Int)? {
        guard let node = node(value), case .affine(let scale, let shift) = node.operation else {
            return nil
        }
        return (scale, shift, node.inputs[0])
    }

    private mutating func followForwards(_ value: Int) {
        let inputs = graph.nodes[value - 1].inputs.map { input in
            guard let node = node(input), case .forward = node.operation else { return input }
            return node.inputs[0]
        }
        set(value, inputs: inputs)
    }

    private mutating func set(
        _ value: Int, _ operation: DraftGraph.Operation? = nil, inputs: [Int]? = nil
    ) {
        if let operation { graph.nodes[value - 1].operation = operation }
        guard let inputs, inputs != graph.nodes[value - 1].inputs else { return }
        let old = graph.nodes[value - 1].inputs
        for input in inputs { uses[input] += 1 }
        graph.nodes[value - 1].inputs = inputs
        for input in old { release(input) }
    }

    /// Counts one use less, and if none is left those of its own inputs.
    private mutating func release(_ value: Int) {
        var released = [value]
        while let value = released.popLast() {
            uses[value] -= 1
            if uses[value] == 0, value > 0 { released += graph.nodes[value - 1].inputs }
        }
    }

    // MARK: Functions written as several operations

    /// Applies one rule about functions of single values, if any fits.
    private mutating func recogniseFunction(at value: Int) -> Bool {
        if let (scale, shift, input) = affine(value) {
            if scale.allSatisfy({ abs($0 - 1) < 1e-6 }), shift.allSatisfy({ abs($0) < 1e-6 }) {
                set(value, .forward)
                return false
            }
            guard let inner = affine(input), uses[input] == 1 else { return false }
            let counts = [scale.count, shift.count, inner.scale.count, inner.shift.count]
            let count = counts.max()!
            func at(_ values: [Float], _ index: Int) -> Float {
                values.count == 1 ? values[0] : values[index]
            }
            let product = (0..<count).map { at(scale, $0) * at(inner.scale, $0) }
            let sum = (0..<count).map { at(scale, $0) * at(inner.shift, $0) + at(shift, $0) }
            set(value, .affine(scale: product, shift: sum), inputs: [inner.input])
            return true
        }
        if case .clip(let lowest, let highest)? = function(value) {
            return recogniseHardSigmoid(at: value, lowest: lowest, highest: highest)
        }
        if node(value)?.layer is Multiply { return recogniseGate(at: value) }
        return false
    }

    /// `clip(a x + b, l, h) = (h − l) · hard-sigmoid(x) + l` if `a` and `b` fit.
    private mutating func recogniseHardSigmoid(
        at value: Int, lowest: Float, highest: Float
    ) -> Bool {
        let input = graph.nodes[value - 1].inputs[0]
        guard let (scale, shift, _) = affine(input), uses[input] == 1 else { return false }
        let range = highest - lowest
        func fits(_ value: Float, _ expected: Float) -> Bool { abs(value - expected) < 1e-6 }
        guard scale.allSatisfy({ fits($0 / range, 1 / 6) }),
            shift.allSatisfy({ fits(($0 - lowest) / range, 0.5) })
        else { return false }
        set(input, .layer(Activation(.hardSigmoid)))
        set(value, .affine(scale: [range], shift: [lowest]))
        return true
    }

    /// `x · s · f(x) = s · g(x)` for the functions `g` that are a product of `x` and another.
    private mutating func recogniseGate(at value: Int) -> Bool {
        let inputs = graph.nodes[value - 1].inputs
        for (x, gate) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
            if let product = function(gate).flatMap(Self.product), node(gate)!.inputs == [x] {
                set(value, .layer(Activation(product)), inputs: [x])
                return true
            }
            if let (scale, shift, inner) = affine(gate), uses[gate] == 1,
                shift.allSatisfy({ $0 == 0 }),
                let product = function(inner).flatMap(Self.product), node(inner)!.inputs == [x]
            {
                set(gate, .layer(Activation(product)), inputs: [x])
                set(value, .affine(scale: scale, shift: [0]), inputs: [gate])
                return true
            }
        }
        return false
    }

    private static func product(_ gate: ActivationFunction) -> ActivationFunction? {
        switch gate {
        case .sigmoid: .silu
        case .hardSigmoid: .hardSwish
        default: nil
        }
    }

    // MARK: Layers that do more than one thing

    private mutating func fuse(at value: Int) -> Bool {
        guard let node = node(value), node.inputs.count == 1, node.inputs[0] > 0,
            uses[node.inputs[0]] == 1
        else { return false }
        let before = graph.nodes[node.inputs[0] - 1]
        switch node.operation {
        case .affine(let scale, let shift):
            guard let layer = before.layer?.scaled(by: scale, shift: shift) else { return false }
            replace(value, by: layer, of: before)
            return true
        case .layer(let layer as Activation):
            if var norm = before.layer as? BatchNormalization, norm.activation == .identity {
                norm.activation = layer.function
                replace(value, by: norm, of: before)
                return true
            }
            guard let sum = before.layer as? Add, sum.activation == .identity,
                layer.function.isClamp
            else { return false }
            replace(value, by: Add(activation: layer.function), of: before)
            return true
        case .layer(is BatchNormalization):
            guard let convolution = before.layer as? Convolution,
                let bias = convolution.bias, bias.trained.value.elements.allSatisfy({ $0 == 0 })
            else { return false }
            var bare = Convolution(convolution.geometry, hasBias: false)
            bare.weight.trained.value = convolution.weight.trained.value
            set(node.inputs[0], .layer(bare))
            return false
        default: return false
        }
    }

    /// Puts a layer in the place of a node and of the one before it, under the name of that one.
    private mutating func replace(
        _ value: Int, by layer: any Layer, of before: DraftGraph.Node
    ) {
        graph.nodes[value - 1].name = before.name
        set(value, .layer(layer), inputs: before.inputs)
    }

    // MARK: The network

    private func networkNodes() throws(ONNXError.Located) -> [Network.Node] {
        var position: [Int: Int] = [0: 0]
        var result: [Network.Node] = []
        for (index, node) in graph.nodes.enumerated() where uses[index + 1] > 0 {
            if case .forward = node.operation {
                position[index + 1] = position[node.inputs[0]]!
                continue
            }
            result.append(
                Network.Node(
                    name: node.name, inputs: node.inputs.map { position[$0]! },
                    layer: try layer(of: node)))
            position[index + 1] = result.count
        }
        guard position[output] == result.count else {
            throw ONNXError.Located(
                origin: ("output", "output"),
                problem: .unfit(
                    what: "the output", found: "an input, unchanged", expected: "a layer's result"))
        }
        return result
    }

    /// What is left of scales and shifts becomes a convolution of each channel with one weight.
    private func layer(of node: DraftGraph.Node) throws(ONNXError.Located) -> any Layer {
        switch node.operation {
        case .layer(let layer): return layer
        case .forward: preconditionFailure("forwards have no layer")
        case .affine(let scale, let shift):
            guard node.shape.count == 3 else {
                throw ONNXError.Located(
                    origin: node.origin,
                    problem: .unfit(
                        what: "a scale or a shift of features", found: "behind no linear layer",
                        expected: "one that can become part of the weights before it"))
            }
            let channels = node.shape[2]
            var layer = Convolution(
                ConvolutionGeometry(
                    height: node.shape[0], width: node.shape[1], channels: channels,
                    outputs: channels, kernel: [1, 1], stride: [1, 1], padding: [0, 0],
                    groups: channels))
            layer.weight.trained.value = Tensor(
                shape: [1, 1, 1, channels],
                elements: (0..<channels).map { scale.count == 1 ? scale[0] : scale[$0] })
            layer.bias!.trained.value = Tensor(
                shape: [channels],
                elements: (0..<channels).map { shift.count == 1 ? shift[0] : shift[$0] })
            return layer
        }
    }
}

extension ONNXError {
    /// A problem of a node that was found after all nodes were read.
    struct Located: Error {
        let origin: (node: String, operation: String)
        let problem: ONNXProblem
    }
}

extension Layer {
    /// The layer whose result is `scale · y + shift`, if it can have such weights.
    fileprivate func scaled(by scale: [Float], shift: [Float]) -> (any Layer)? {
        func at(_ values: [Float], _ index: Int) -> Float {
            values.count == 1 ? values[0] : values[index]
        }
        /// Scales the elements of each output, which are innermost.
        func rescale(_ tensor: inout Tensor, shift: [Float]) {
            let outputs = tensor.shape.last!
            tensor.withUnsafeMutableElements { elements in
                for index in elements.indices {
                    let output = index % outputs
                    elements[index] = elements[index] * at(scale, output) + at(shift, output)
                }
            }
        }
        let isPlain = scale.allSatisfy { $0 == 1 }
        switch self {
        case var layer as Linear:
            if !isPlain { rescale(&layer.weight.trained.value, shift: [0]) }
            rescale(&layer.bias.trained.value, shift: shift)
            return layer
        case let layer as Convolution:
            var result = Convolution(layer.geometry, hasBias: true)
            result.weight.trained.value = layer.weight.trained.value
            if let bias = layer.bias { result.bias!.trained.value = bias.trained.value }
            if !isPlain { rescale(&result.weight.trained.value, shift: [0]) }
            rescale(&result.bias!.trained.value, shift: shift)
            return result
        case var layer as BatchNormalization where layer.activation == .identity:
            rescale(&layer.weight.trained.value, shift: [0])
            rescale(&layer.bias.trained.value, shift: shift)
            return layer
        default:
            return nil
        }
    }
}
