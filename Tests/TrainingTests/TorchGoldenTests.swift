import Foundation
import Networks
import Tensors
import Testing
import Training

// Fixtures/golden/torch/networks.py made these numbers; the layouts are PyTorch's.

private struct Numbers: Decodable, Sendable {
    var shape: [Int]
    var values: [Double]

    var tensor: Tensor { Tensor(shape: shape, elements: values.map { Float($0) }) }

    /// Dimensions in another order, as `permute` of PyTorch.
    func permuted(_ order: Int...) -> Numbers {
        let strides = shape.indices.map { shape[($0 + 1)...].reduce(1, *) }
        let newShape = order.map { shape[$0] }
        let newValues = values.indices.map { index in
            var (rest, from) = (index, 0)
            for axis in newShape.indices.reversed() {
                from += rest % newShape[axis] * strides[order[axis]]
                rest /= newShape[axis]
            }
            return values[from]
        }
        return Numbers(shape: newShape, values: newValues)
    }

    /// `[batch, channels, height, width]` to `[batch, height, width, channels]`.
    var image: Numbers { permuted(0, 2, 3, 1) }

    /// A weight of PyTorch to ours: outputs innermost.
    var weight: Numbers {
        switch shape.count {
        case 4: permuted(2, 3, 1, 0)
        case 2: permuted(1, 0)
        default: self
        }
    }
}

private struct Golden: Decodable, Sendable {
    struct Convolution: Decodable, Sendable {
        var kernel, stride, padding: [Int]
        var x, weight, bias, y, dy, dx, dweight, dbias: Numbers
    }

    struct Pooling: Decodable, Sendable {
        var kernel, stride: [Int]
        var x, y, dy, dx: Numbers
    }

    struct Network: Decodable, Sendable {
        var x, logits: Numbers
        var labels: [Int]
        var loss: Double
        var parameters, gradients: [String: Numbers]
    }

    struct Loss: Decodable, Sendable {
        var smoothing, weight, temperature: Float
        var labels: [Int]
        var logits, teacher, gradient: Numbers
        var loss: Double
    }

    struct Steps: Decodable, Sendable {
        var lr: Float
        var weight_decay: Float
        var momentum: Float?
        var nesterov: Bool?
        var betas: [Float]?
        var eps: Float?
        var start: Numbers
        var gradients, values: [Numbers]
    }

    var convolutions: [Convolution]
    var poolings: [Pooling]
    var network: Network
    var losses: [Loss]
    var sgd, adamw: [Steps]

    static let shared: Golden = {
        let path = packageRoot + "/Fixtures/golden/torch/networks.json"
        let data = FileManager.default.contents(atPath: path)!
        return try! JSONDecoder().decode(Golden.self, from: data)
    }()
}

/// Equal up to 10⁻⁵ of the value, or of the typical one where terms cancel: sums of up to 200 floats.
private func expect(
    _ found: Tensor, is expected: Numbers, _ what: String,
    _ location: SourceLocation = #_sourceLocation
) {
    guard found.shape == expected.shape else {
        Issue.record("\(what): \(found.shape), \(expected.shape)", sourceLocation: location)
        return
    }
    let scale = expected.values.reduce(0) { $0 + abs($1) } / Double(expected.values.count)
    for (index, value) in expected.values.enumerated() {
        #expect(
            abs(Double(found[index]) - value) <= 1e-5 * (abs(value) + scale),
            "\(what)[\(index)]: \(found[index]), expected \(value)", sourceLocation: location)
    }
}

@Test(arguments: Golden.shared.convolutions.indices)
func `convolutions are those of PyTorch`(index: Int) {
    let golden = Golden.shared.convolutions[index]
    let x = golden.x.image.tensor
    var dy = golden.dy.image.tensor
    var layer = Convolution(
        ConvolutionGeometry(
            height: x.shape[1], width: x.shape[2], channels: x.shape[3], outputs: dy.shape[3],
            kernel: golden.kernel, stride: golden.stride, padding: golden.padding))
    layer.weight.trained.value = golden.weight.weight.tensor
    layer.bias!.trained.value = golden.bias.tensor
    var (y, dx, pass) = (Tensor(shape: dy.shape), [Tensor(shape: x.shape)], Pass(isTraining: true))
    layer.forward([x], into: &y, pass: &pass)
    layer.backward([x], output: y, outputGradient: &dy, into: &dx, wants: [true], pass: &pass)
    expect(y, is: golden.y.image, "y")
    expect(dx[0], is: golden.dx.image, "dx")
    expect(layer.weight.effectiveGradient, is: golden.dweight.weight, "dweight")
    expect(layer.bias!.effectiveGradient, is: golden.dbias, "dbias")
}

@Test(arguments: Golden.shared.poolings.indices)
func `max pooling is that of PyTorch`(index: Int) {
    let golden = Golden.shared.poolings[index]
    let x = golden.x.image.tensor
    var dy = golden.dy.image.tensor
    var layer = MaxPooling(kernel: golden.kernel, stride: golden.stride)
    var (y, dx, pass) = (Tensor(shape: dy.shape), [Tensor(shape: x.shape)], Pass(isTraining: true))
    layer.forward([x], into: &y, pass: &pass)
    layer.backward([x], output: y, outputGradient: &dy, into: &dx, wants: [true], pass: &pass)
    expect(y, is: golden.y.image, "y")
    expect(dx[0], is: golden.dx.image, "dx")
}

@Test func `a network's outputs, loss and gradients are those of PyTorch`() throws {
    let golden = Golden.shared.network
    let x = golden.x.image.tensor
    var network = try Network(
        name: "golden", inputShape: Array(x.shape.dropFirst()),
        chain: [
            (
                "conv1",
                Convolution(
                    ConvolutionGeometry(
                        height: 6, width: 6, channels: 2, outputs: 4, kernel: [3, 3],
                        stride: [1, 1], padding: [1, 1]))
            ),
            ("pool1", MaxPooling(kernel: [2, 2], stride: [2, 2])), ("relu1", Activation(.relu)),
            ("flatten", Flatten()), ("fc1", Linear(inputs: 36, outputs: 6)),
            ("relu2", Activation(.relu)),
            ("fc2", Linear(inputs: 6, outputs: 3)),
        ])
    network.visitVariables { $1.value = golden.parameters[$0]!.weight.tensor }
    var (pass, gradient) = (Pass(isTraining: true), Tensor.empty)
    let logits = network.forward(x, pass: &pass)
    expect(logits, is: golden.logits, "logits")
    let loss = Loss().evaluate(
        logits: logits, labels: golden.labels, teacher: nil, gradient: &gradient)
    #expect(abs(Double(loss) - golden.loss) < 1e-5 * golden.loss)
    network.backward(gradient, pass: &pass)
    var compared = 0
    network.visitVariables { name, variable in
        expect(variable.gradient, is: golden.gradients[name]!.weight, name)
        compared += 1
    }
    #expect(compared == golden.gradients.count)
}

@Test(arguments: Golden.shared.losses.indices)
func `smoothed and distilled losses are those of PyTorch`(index: Int) {
    let golden = Golden.shared.losses[index]
    var gradient = Tensor.empty
    let loss = Loss(
        labelSmoothing: golden.smoothing, distillationWeight: golden.weight,
        temperature: golden.temperature
    ).evaluate(
        logits: golden.logits.tensor, labels: golden.labels, teacher: golden.teacher.tensor,
        gradient: &gradient)
    #expect(abs(Double(loss) - golden.loss) < 1e-5 * golden.loss)
    expect(gradient, is: golden.gradient, "gradient")
}

private func expectSteps(_ golden: Golden.Steps, _ method: Optimizer.Method) throws {
    var network = try Network(
        name: "n", inputShape: [1], chain: [("fc", Linear(inputs: 1, outputs: 7))])
    // The weight stands for PyTorch's variable, since biases do not decay.
    let start = golden.start.tensor.reshaped(to: [1, 7])
    network.visitVariables { if $0 == "fc.weight" { $1.value = start } }
    var optimizer = Optimizer(method, weightDecay: golden.weight_decay)
    for (step, (gradient, expected)) in zip(golden.gradients, golden.values).enumerated() {
        let gradient = gradient.tensor.reshaped(to: [1, 7])
        network.visitVariables { if $0 == "fc.weight" { $1.gradient = gradient } }
        optimizer.update(&network, learningRate: golden.lr)
        network.visitVariables {
            if $0 == "fc.weight" {
                expect($1.value.reshaped(to: [7]), is: expected, "step \(step)")
            }
        }
    }
}

@Test(arguments: Golden.shared.sgd.indices)
func `SGD steps are those of PyTorch`(index: Int) throws {
    let golden = Golden.shared.sgd[index]
    try expectSteps(
        golden, .sgd(momentum: try #require(golden.momentum), nesterov: golden.nesterov ?? false))
}

@Test(arguments: Golden.shared.adamw.indices)
func `AdamW steps are those of PyTorch`(index: Int) throws {
    let golden = Golden.shared.adamw[index]
    let betas = try #require(golden.betas)
    try expectSteps(
        golden, .adam(beta1: betas[0], beta2: betas[1], epsilon: try #require(golden.eps)))
}
