import Networks
import Tensors
import Testing
import Training

/// One weight of 2 and one bias of 3, both with a gradient of 1.
private func network() throws -> Network {
    var network = try Network(
        name: "n", inputShape: [1], chain: [("fc", Linear(inputs: 1, outputs: 1))])
    network.visitVariables { name, variable in
        variable.value[0] = name == "fc.weight" ? 2 : 3
        variable.gradient[0] = 1
    }
    return network
}

private func values(_ network: Network) -> [String: Float] {
    var (copy, values) = (network, [String: Float]())
    copy.visitVariables { values[$0] = $1.value[0] }
    return values
}

private func expect(
    _ network: Network, weight: Float, bias: Float, _ location: SourceLocation = #_sourceLocation
) {
    let found = values(network)
    #expect(abs(found["fc.weight"]! - weight) < 1e-6, sourceLocation: location)
    #expect(abs(found["fc.bias"]! - bias) < 1e-6, sourceLocation: location)
}

@Test func `weight decay shrinks weights and leaves biases`() throws {
    var sgd = Optimizer(.sgd(momentum: 0, nesterov: false), weightDecay: 0.5)
    var (plain, adaptive) = (try network(), try network())
    sgd.update(&plain, learningRate: 0.1)
    expect(plain, weight: 2 - 0.1 * (1 + 0.5 * 2), bias: 3 - 0.1)
    var adam = Optimizer(.adam(beta1: 0.9, beta2: 0.999, epsilon: 0), weightDecay: 0.5)
    adam.update(&adaptive, learningRate: 0.1)
    // The first step of Adam is the sign of the gradient.
    expect(adaptive, weight: 2 - 0.1 * (1 + 0.5 * 2), bias: 3 - 0.1)
}

/// A warm-up begins with one.
@Test func `a step at rate 0 is none, so that Adam's first step is still that of a sign`() throws {
    var network = try network()
    var adam = Optimizer(.adam(beta1: 0.9, beta2: 0.999, epsilon: 0), weightDecay: 0)
    adam.update(&network, learningRate: 0)
    expect(network, weight: 2, bias: 3)
    adam.update(&network, learningRate: 0.1)
    expect(network, weight: 1.9, bias: 2.9)
}

@Test func `momentum adds up over steps, and Nesterov looks ahead`() throws {
    var (plain, ahead) = (try network(), try network())
    var sgd = Optimizer(.sgd(momentum: 0.5, nesterov: false), weightDecay: 0)
    var nesterov = Optimizer(.sgd(momentum: 0.5, nesterov: true), weightDecay: 0)
    for _ in 0..<3 {
        sgd.update(&plain, learningRate: 0.1)
        nesterov.update(&ahead, learningRate: 0.1)
    }
    // Velocities 1, 1.5, 1.75; ahead of them 1.5, 1.75, 1.875.
    expect(plain, weight: 2 - 0.425, bias: 3 - 0.425)
    expect(ahead, weight: 2 - 0.5125, bias: 3 - 0.5125)
    #expect(sgd.step == 3)
}

@Test func `moments of another shape start again`() throws {
    var optimizer = Optimizer(.sgd(momentum: 0.9, nesterov: false), weightDecay: 0)
    var small = try network()
    optimizer.update(&small, learningRate: 0.1)
    var wide = try Network(
        name: "n", inputShape: [2], chain: [("fc", Linear(inputs: 2, outputs: 3))])
    optimizer.update(&wide, learningRate: 0.1)
    #expect(optimizer.moments["fc.weight"]?.map(\.shape) == [[2, 3]])
}

private let methods: [Optimizer.Method] = [
    .sgd(momentum: 0, nesterov: false), .sgd(momentum: 0.9, nesterov: false),
    .sgd(momentum: 0.9, nesterov: true), .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8),
]

@Test(arguments: methods, [1, -1] as [Float])
func `a large gradient moves a limited value by no more than its share`(
    method: Optimizer.Method, start: Float
) throws {
    var network = try network()
    var optimizer = Optimizer(method, weightDecay: 0)
    func setWeight(_ change: (inout Variable) -> Void) {
        network.visitVariables { name, variable in
            variable.gradient[0] = 0
            if name == "fc.weight" { change(&variable) }
        }
    }
    setWeight {
        $0.value[0] = start
        $0.largestChange = 0.05
    }
    for _ in 0..<200 {
        let before = values(network)["fc.weight"]!
        setWeight { $0.gradient[0] = 1e6 * start }
        optimizer.update(&network, learningRate: 10)
        let ratio = values(network)["fc.weight"]! / before
        #expect(ratio < 1 && ratio > 1 - 0.05 * 1.0001, "\(ratio)")
    }
}

@Test func `momentum does not go on with a gradient that was too large`() throws {
    var network = try network()
    network.visitVariables { name, variable in
        if name == "fc.weight" { (variable.gradient[0], variable.largestChange) = (1e6, 0.05) }
    }
    var optimizer = Optimizer(.sgd(momentum: 0.9, nesterov: false), weightDecay: 0)
    optimizer.update(&network, learningRate: 0.1)
    network.visitVariables { $1.gradient[0] = 0 }
    for _ in 0..<200 { optimizer.update(&network, learningRate: 0.1) }
    #expect(abs(values(network)["fc.weight"]! / 2 - 0.95) < 1e-4)
}

@Test(arguments: methods)
func `small gradients move a limited value as any other`(method: Optimizer.Method) throws {
    var (limited, free) = (try network(), try network())
    limited.visitVariables { $1.largestChange = 0.05 }
    var (one, other) = (Optimizer(method, weightDecay: 0), Optimizer(method, weightDecay: 0))
    for _ in 0..<3 {
        one.update(&limited, learningRate: 0.001)
        other.update(&free, learningRate: 0.001)
    }
    #expect(values(limited) == values(free))
}
