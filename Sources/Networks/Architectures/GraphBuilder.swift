import Tensors

/// Puts layers behind each other and keeps the shapes between them.
///
/// Values are counted as `Network.Node` does: 0 is the network's input, `k` the output of layer `k`.
struct GraphBuilder {
    typealias Value = Int

    static let input: Value = 0

    private var nodes: [Network.Node] = []
    /// The sample shape of each value.
    private var shapes: [[Int]]

    init(inputShape: [Int]) {
        shapes = [inputShape]
    }

    func network(named name: String) throws(NetworkError) -> Network {
        try Network(name: name, inputShape: shapes[0], nodes: nodes)
    }

    func shape(of value: Value) -> [Int] { shapes[value] }

    /// Channels of an image, or features of a vector.
    func channels(of value: Value) -> Int { shapes[value].last ?? 0 }

    @discardableResult
    mutating func add(
        _ name: String, _ layer: any Layer, to inputs: Value...
    ) throws(NetworkError) -> Value {
        try add(name, layer, to: inputs)
    }

    @discardableResult
    mutating func add(
        _ name: String, _ layer: any Layer, to inputs: [Value]
    ) throws(NetworkError) -> Value {
        do throws(ShapeError) {
            shapes.append(try layer.outputShape(of: inputs.map { shapes[$0] }))
        } catch {
            throw .shape(node: name, error)
        }
        nodes.append(Network.Node(name: name, inputs: inputs, layer: layer))
        return nodes.count
    }

    // MARK: Layers whose sizes follow from their input

    /// - Parameter padding: `(kernel − 1) / 2` unless it says otherwise, which keeps the size.
    mutating func convolution(
        _ name: String, _ x: Value, outputs: Int, kernel: Int, stride: Int = 1,
        padding: Int? = nil, groups: Int = 1, hasBias: Bool = false
    ) throws(NetworkError) -> Value {
        let shape = shapes[x]
        guard shape.count == 3 else {
            throw .shape(
                node: x == Self.input ? "input" : name,
                .unfit(layer: Convolution.kind, found: [shape], expected: "an image"))
        }
        let padding = padding ?? (kernel - 1) / 2
        let geometry = ConvolutionGeometry(
            height: shape[0], width: shape[1], channels: shape[2], outputs: outputs,
            kernel: [kernel, kernel], stride: [stride, stride], padding: [padding, padding],
            groups: groups)
        return try add(name, Convolution(geometry, hasBias: hasBias), to: x)
    }

    mutating func normalization(
        _ name: String, _ x: Value, _ activation: ActivationFunction = .identity
    ) throws(NetworkError) -> Value {
        let layer = BatchNormalization(channels: channels(of: x), activation: activation)
        return try add(name, layer, to: x)
    }

    mutating func linear(_ name: String, _ x: Value, outputs: Int) throws(NetworkError) -> Value {
        try add(name, Linear(inputs: channels(of: x), outputs: outputs), to: x)
    }

    /// A layer only where there is something to drop.
    mutating func dropout(_ name: String, _ x: Value, rate: Float) throws(NetworkError) -> Value {
        rate > 0 ? try add(name, Dropout(rate: rate), to: x) : x
    }
}
