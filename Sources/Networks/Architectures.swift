import Tensors

/// The built-in networks, by name.
public enum Architecture: String, CaseIterable, Sendable {
    /// Two hidden layers of 300 and 100 (LeCun et al. 1998): 266,610 parameters on MNIST.
    case lenet300x100 = "lenet-300-100"
    /// The Caffe variant of LeNet-5, with 20 and 50 filters of 5×5 and 800→500→10: 431,080
    /// parameters. A ReLU follows each convolution's pooling, which Caffe's leaves out.
    case lenet5 = "lenet-5"
    /// Two 3×3 convolutions and two fully connected layers for 8×8 images: 71,754 parameters.
    case digitsCNN = "digits-cnn"

    /// The network with random weights (He et al. 2015) and biases of zero.
    /// - Parameter inputShape: `[height, width, channels]`.
    public func network(
        inputShape: [Int], classes: Int, dropout: Float = 0, using generator: inout SeededGenerator
    ) throws(NetworkError) -> Network {
        var builder = ChainBuilder(shape: inputShape, dropout: dropout)
        switch self {
        case .lenet300x100:
            try builder.flatten()
            try builder.linear(300)
            try builder.linear(100)
        case .lenet5:
            try builder.convolution(20, kernel: 5, pools: true)
            try builder.convolution(50, kernel: 5, pools: true)
            try builder.flatten()
            try builder.linear(500)
        case .digitsCNN:
            try builder.convolution(16, kernel: 3, padding: 1)
            try builder.convolution(32, kernel: 3, padding: 1, pools: true)
            try builder.flatten()
            try builder.linear(128)
        }
        try builder.linear(classes, isLast: true)
        var network = try Network(name: rawValue, inputShape: inputShape, chain: builder.layers)
        network.initialize(using: &generator)
        return network
    }
}

/// Puts layers behind each other and numbers them.
private struct ChainBuilder {
    private(set) var layers: [(name: String, layer: any Layer)] = []
    private var shape: [Int]
    private let dropout: Float
    private var counts: [String: Int] = [:]

    init(shape: [Int], dropout: Float) {
        self.shape = shape
        self.dropout = dropout
    }

    mutating func convolution(
        _ outputs: Int, kernel: Int, padding: Int = 0, pools: Bool = false
    ) throws(NetworkError) {
        guard shape.count == 3 else {
            throw .shape(
                node: "input",
                .unfit(layer: Convolution.kind, found: [shape], expected: "an image"))
        }
        try append(
            "conv",
            Convolution(
                ConvolutionGeometry(
                    height: shape[0], width: shape[1], channels: shape[2], outputs: outputs,
                    kernel: [kernel, kernel], stride: [1, 1], padding: [padding, padding])))
        if pools { try append("pool", MaxPooling(kernel: [2, 2], stride: [2, 2])) }
        try append("relu", Activation(.relu))
    }

    mutating func flatten() throws(NetworkError) { try append("flatten", Flatten()) }

    mutating func linear(_ outputs: Int, isLast: Bool = false) throws(NetworkError) {
        try append("fc", Linear(inputs: shape[0], outputs: outputs))
        if isLast { return }
        try append("relu", Activation(.relu))
        if dropout > 0 { try append("dropout", Dropout(rate: dropout)) }
    }

    private mutating func append(_ kind: String, _ layer: any Layer) throws(NetworkError) {
        counts[kind, default: 0] += 1
        let name = kind + (kind == "flatten" ? "" : "\(counts[kind]!)")
        do {
            shape = try layer.outputShape(of: [shape])
        } catch {
            throw .shape(node: name, error)
        }
        layers.append((name, layer))
    }
}

extension Network {
    /// Weights from a normal distribution of variance `2 / fan-in` (He et al. 2015, eq. 10), biases 0.
    public mutating func initialize(using generator: inout SeededGenerator) {
        visitParameters { name, parameter in
            let shape = parameter.trained.value.shape
            guard shape.count > 1 else { return }
            let fanIn = shape.dropLast().reduce(1, *)
            let deviation = (2 / Float(fanIn)).squareRoot()
            parameter.trained.value.withUnsafeMutableElements { elements in
                for index in elements.indices { elements[index] = generator.normal() * deviation }
            }
        }
    }
}
