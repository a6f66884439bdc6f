import Networks
import Tensors
import Testing

@Test(arguments: [
    (Architecture.lenet300x100, [28, 28, 1], 266_610), (.lenet5, [28, 28, 1], 431_080),
    (.digitsCNN, [8, 8, 1], 71_754),
])
func `built-in networks have the published number of parameters`(
    architecture: Architecture, shape: [Int], count: Int
) throws {
    var generator = SeededGenerator(seed: 1)
    for dropout in [0, 0.5] as [Float] {
        var network = try architecture.network(
            inputShape: shape, classes: 10, dropout: dropout, using: &generator)
        #expect(network.parameterCount == count)
        #expect(network.shapes.last == [10])
        #expect(network.name == architecture.rawValue)
        var pass = Pass(isTraining: true)
        #expect(network.forward(Tensor(shape: [2] + shape), pass: &pass).shape == [2, 10])
    }
}

@Test(arguments: [
    ([4, 4, 1], "conv1"), ([1, 1, 1], "conv1"), ([5, 5, 1], "pool1"), ([12, 12, 1], "conv2"),
    ([12], "input"), ([2, 2], "input"), ([], "input"),
])
func `an image too small for a network is an error that names the layer`(
    shape: [Int], layer: String
) {
    var generator = SeededGenerator(seed: 1)
    #expect {
        try Architecture.lenet5.network(inputShape: shape, classes: 10, using: &generator)
    } throws: { error in
        guard case NetworkError.shape(node: layer, _) = error else { return false }
        return true
    }
}

/// √(2 / fan-in), within four standard errors √(1 / 2n) of a standard deviation.
@Test(arguments: [1, 2] as [UInt64])
func `weights start with the deviation of He et al, biases with zero`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var network = try Architecture.lenet5.network(
        inputShape: [28, 28, 1], classes: 10, using: &generator)
    let fanIn = ["conv1": 25.0, "conv2": 500.0, "fc1": 800.0, "fc2": 500.0]
    network.visitParameters { name, parameter in
        let values = parameter.effective.elements.map(Double.init)
        guard name.hasSuffix("weight") else {
            #expect(values.allSatisfy { $0 == 0 }, "\(name)")
            return
        }
        let variance = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
        let expected = 2 / fanIn[String(name.prefix { $0 != "." })]!
        #expect(
            abs((variance / expected).squareRoot() - 1) < 4 / Double(2 * values.count).squareRoot(),
            "\(name), seed \(seed)")
    }
}
