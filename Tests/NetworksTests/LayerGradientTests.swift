import Networks
import Tensors
import Testing

/// The layer behind an `Offset`, at an input without ties.
private func checkGradients(
    of layer: any Layer, inputShape: [Int], batch: Int = 2, isTraining: Bool = true, seed: UInt64,
    _ location: SourceLocation = #_sourceLocation
) throws {
    var generator = SeededGenerator(seed: seed)
    let shape = [batch] + inputShape
    let network = try Network(
        name: "one layer", inputShape: inputShape,
        chain: [("offset", Offset(shape: shape)), ("layer", layer)])
    var random = network
    random.updateLayer(at: 1) { layer in
        layer.visitParameters {
            $1.trained.value = .random($1.trained.value.shape, using: &generator)
        }
    }
    checkGradients(
        of: random, at: .distinct(shape, using: &generator), seed: seed, isTraining: isTraining,
        location)
}

@Test(arguments: [(1, 1), (5, 3), (9, 17)])
func `gradients of linear layers are finite differences`(inputs: Int, outputs: Int) throws {
    try checkGradients(
        of: Linear(inputs: inputs, outputs: outputs), inputShape: [inputs], batch: 3, seed: 1)
}

@Test(arguments: [
    ([1, 1], [1, 1], [0, 0]), ([3, 3], [1, 1], [1, 1]), ([3, 2], [2, 1], [2, 0]),
    ([2, 3], [1, 3], [0, 1]), ([1, 1], [1, 1], [1, 1]),
])
func `gradients of convolutions are finite differences`(
    kernel: [Int], stride: [Int], padding: [Int]
) throws {
    let geometry = ConvolutionGeometry(
        height: 4, width: 5, channels: 2, outputs: 3, kernel: kernel, stride: stride,
        padding: padding)
    try checkGradients(of: Convolution(geometry), inputShape: [4, 5, 2], seed: 2)
}

@Test(arguments: [(2, 1), (4, 1), (2, 2)])
func `gradients of grouped and dilated convolutions are finite differences`(
    groups: Int, dilation: Int
) throws {
    let geometry = ConvolutionGeometry(
        height: 5, width: 6, channels: 4, outputs: 4, kernel: [3, 3], stride: [1, 2],
        padding: [dilation, 1], dilation: [dilation, dilation], groups: groups)
    try checkGradients(
        of: Convolution(geometry, hasBias: false), inputShape: [5, 6, 4], seed: 8)
}

/// With this seed no normalized value is so near to zero that a finite difference crosses the kink.
@Test(arguments: [
    ActivationFunction.identity, .silu, .sigmoid, .hardSwish, .leakyReLU(slope: 0.1),
])
func `gradients of batch normalization are finite differences`(
    activation: ActivationFunction
) throws {
    try checkGradients(
        of: BatchNormalization(channels: 3, activation: activation), inputShape: [2, 3, 3],
        batch: 3, seed: 23)
}

@Test func `gradients of global average pooling are finite differences`() throws {
    try checkGradients(of: GlobalAveragePooling(), inputShape: [3, 4, 5], seed: 10)
}

/// A residual block: one value is read by two branches.
@Test(arguments: [ActivationFunction.identity, .silu])
func `gradients of a sum of branches are finite differences`(activation: ActivationFunction) throws
{
    var generator = SeededGenerator(seed: 11)
    let geometry = ConvolutionGeometry(
        height: 4, width: 4, channels: 2, outputs: 2, kernel: [3, 3], stride: [1, 1],
        padding: [1, 1])
    var network = try Network(
        name: "block", inputShape: [4, 4, 2],
        nodes: [
            .init(name: "offset", inputs: [0], layer: Offset(shape: [2, 4, 4, 2])),
            .init(name: "conv", inputs: [1], layer: Convolution(geometry)),
            .init(name: "bn", inputs: [2], layer: BatchNormalization(channels: 2)),
            .init(name: "add", inputs: [1, 3], layer: Add(activation: activation)),
            .init(name: "double", inputs: [4, 4], layer: Add()),
        ])
    network.randomize(using: &generator)
    checkGradients(of: network, at: .random([2, 4, 4, 2], using: &generator), seed: 11)
}

@Test(arguments: [([2, 2], [2, 2]), ([3, 2], [1, 1]), ([2, 2], [3, 3])])
func `gradients of max pooling are finite differences`(kernel: [Int], stride: [Int]) throws {
    try checkGradients(
        of: MaxPooling(kernel: kernel, stride: stride), inputShape: [5, 6, 2], seed: 3)
}

@Test(arguments: [[7], [3, 4, 2]])
func `gradients of ReLU and flatten are finite differences`(shape: [Int]) throws {
    try checkGradients(of: Activation(.relu), inputShape: shape, seed: 4)
    try checkGradients(of: Flatten(), inputShape: shape, seed: 5)
}

@Test(arguments: [0, 0.25, 0.5] as [Float])
func `gradients of dropout are finite differences`(rate: Float) throws {
    try checkGradients(of: Dropout(rate: rate), inputShape: [9], batch: 5, seed: 6)
}

/// Without kinks inside (no ReLU or pooling), since hidden activations can not be kept from them.
@Test func `gradients through several layers are finite differences`() throws {
    var generator = SeededGenerator(seed: 7)
    var network = try Network(
        name: "several", inputShape: [5, 5, 1],
        chain: [
            ("offset", Offset(shape: [2, 5, 5, 1])),
            (
                "conv",
                Convolution(
                    ConvolutionGeometry(
                        height: 5, width: 5, channels: 1, outputs: 2, kernel: [3, 3],
                        stride: [2, 2], padding: [1, 1]))
            ),
            ("flatten", Flatten()), ("dropout", Dropout(rate: 0.25)),
            ("fc", Linear(inputs: 18, outputs: 3)),
        ])
    network.randomize(using: &generator)
    checkGradients(of: network, at: .random([2, 5, 5, 1], using: &generator), seed: 7)
}

/// The offset feeds a linear layer, a sum, and a product of sums that takes one value twice.
@Test func `gradients of a value that feeds several nodes add up`() throws {
    var generator = SeededGenerator(seed: 8)
    var network = try Network(
        name: "graph", inputShape: [3],
        nodes: [
            .init(name: "a", inputs: [0], layer: Offset(shape: [2, 3])),
            .init(name: "b", inputs: [1], layer: Linear(inputs: 3, outputs: 3)),
            .init(name: "a+2b", inputs: [1, 2], layer: WeightedSum()),
            .init(name: "3a", inputs: [1, 1], layer: WeightedSum()),
            .init(name: "unused", inputs: [1], layer: Linear(inputs: 3, outputs: 2)),
            .init(name: "input too", inputs: [0, 4], layer: WeightedSum()),
            .init(name: "sum", inputs: [3, 6], layer: WeightedSum()),
        ])
    network.randomize(using: &generator)
    checkGradients(of: network, at: .random([2, 3], using: &generator), seed: 8)
    checkGradients(of: network, at: .random([2, 3], using: &generator), seed: 9)
}

/// Trained vector → rows of a matrix → scaled → scaled again.
@Test func `gradients through a chain of parametrizations are finite differences`() throws {
    var generator = SeededGenerator(seed: 10)
    var linear = Linear(inputs: 4, outputs: 3)
    let centroids = Variable(.random([3], using: &generator), decays: true)
    linear.weight.setChain([EqualRows(rows: 4), Scaling(factor: 1.5)], trained: centroids)
    let network = try Network(
        name: "chain", inputShape: [4], chain: [("offset", Offset(shape: [2, 4])), ("fc", linear)])
    let x = Tensor.random([2, 4], using: &generator)
    checkGradients(of: network, at: x, seed: 10)
    linear.weight.setChain([EqualRows(rows: 4)])
    checkGradients(
        of: try Network(name: "chain", inputShape: [4], chain: [("fc", linear)]), at: x, seed: 11)
}
