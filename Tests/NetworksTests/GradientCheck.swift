import Networks
import Tensors
import Testing

extension Tensor {
    /// Uniform in −1..<1.
    static func random(_ shape: [Int], using generator: inout SeededGenerator) -> Tensor {
        Tensor(
            shape: shape,
            elements: (0..<shape.reduce(1, *)).map { _ in 2 * generator.uniform() - 1 })
    }

    /// The numbers 0.1, 0.2, ... in a random order and with random signs: no two are closer than a
    /// finite difference reaches, nor is any to zero.
    static func distinct(_ shape: [Int], using generator: inout SeededGenerator) -> Tensor {
        let order = (0..<shape.reduce(1, *)).shuffled(using: &generator)
        return Tensor(
            shape: shape,
            elements: order.map { Float($0 + 1) * (Bool.random(using: &generator) ? 0.1 : -0.1) })
    }
}

extension Network {
    fileprivate mutating func values() -> [(name: String, value: Tensor)] {
        var all: [(String, Tensor)] = []
        visitVariables { all.append(($0, $1.value)) }
        return all
    }

    fileprivate mutating func gradients() -> [String: Tensor] {
        var all: [String: Tensor] = [:]
        visitVariables { all[$0] = $1.gradient }
        return all
    }

    fileprivate mutating func nudge(_ name: String, _ index: Int, by step: Float) {
        visitVariables { if $0 == name { $1.value[index] += step } }
    }

    /// Small random values for every variable that is zero.
    mutating func randomize(using generator: inout SeededGenerator) {
        visitVariables { name, variable in
            if variable.value.elements.allSatisfy({ $0 == 0 }) {
                variable.value = .random(variable.value.shape, using: &generator)
            }
        }
    }
}

/// Compares all gradients with central differences of `Σ dy · y` with random `dy`.
///
/// Most layers are linear between kinks, so that the difference has no error of its own: what remains
/// is the rounding of `y`, which the step of 2⁻⁶ magnifies to about 10⁻⁵ of the largest output. Smooth
/// functions add a sixth of their third derivative times the step squared: about 10⁻⁵, too.
func checkGradients(
    of network: Network, at x: Tensor, seed: UInt64, isTraining: Bool = true,
    _ location: SourceLocation = #_sourceLocation
) {
    var (network, generator) = (network, SeededGenerator(seed: seed))
    // A pass of its own for each evaluation: dropout drops the same activations.
    func pass() -> Pass { Pass(isTraining: isTraining, generator: SeededGenerator(seed: seed)) }
    var first = pass()
    let y = network.forward(x, pass: &first)
    let dy = Tensor.random(y.shape, using: &generator)
    network.backward(dy, pass: &first)
    let found = network.gradients()
    func loss() -> Double {
        var pass = pass()
        let y = network.forward(x, pass: &pass).elements
        return zip(y, dy.elements).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    let step: Float = 0x1p-6
    for (name, value) in network.values() {
        guard found[name]?.shape == value.shape else {
            Issue.record(
                "\(name): gradient \(String(describing: found[name]?.shape)) for \(value.shape)",
                sourceLocation: location)
            continue
        }
        for index in 0..<value.count {
            network.nudge(name, index, by: step)
            let above = loss()
            network.nudge(name, index, by: -2 * step)
            let below = loss()
            network.nudge(name, index, by: step)
            let expected = (above - below) / Double(2 * step)
            let difference = abs(Double(found[name]![index]) - expected)
            #expect(
                difference < 1e-3 * max(1, abs(expected)),
                "\(name)[\(index)]: \(found[name]![index]), expected \(expected), seed \(seed)",
                sourceLocation: location)
        }
    }
}

/// A layer with an input of each shape, at values without ties.
func checkGradients(
    of layer: any Layer, inputShapes: [[Int]], batch: Int = 2, seed: UInt64,
    _ location: SourceLocation = #_sourceLocation
) throws {
    var generator = SeededGenerator(seed: seed)
    var nodes = inputShapes.enumerated().map { index, shape in
        Network.Node(
            name: "input \(index)", inputs: [0],
            layer: Source(.distinct([batch] + shape, using: &generator)))
    }
    nodes.append(.init(name: "layer", inputs: Array(1...inputShapes.count), layer: layer))
    let network = try Network(name: "one layer", inputShape: [1], nodes: nodes)
    checkGradients(of: network, at: Tensor(shape: [batch, 1]), seed: seed, location)
}
