import Networks
import Tensors
import Testing

/// Convolutions and batch normalizations that work together, beside the same layers kept apart by dropout
/// of nothing.
struct NormalizedConvolutionTests {
    private func convolution(
        _ channels: Int, _ outputs: Int, kernel: Int, groups: Int = 1, seed: UInt64
    ) -> Convolution {
        var layer = Convolution(
            ConvolutionGeometry(
                height: 6, width: 5, channels: channels, outputs: outputs,
                kernel: [kernel, kernel], stride: [1, 1], padding: [kernel / 2, kernel / 2],
                groups: groups), hasBias: seed == 3)
        var generator = SeededGenerator(seed: seed)
        for index in 0..<layer.weight.trained.value.count {
            layer.weight.trained.value[index] = generator.normal()
        }
        return layer
    }

    /// An inverted residual block, whose last normalization two layers read.
    private func network(isApart: Bool) throws -> Network {
        var nodes: [Network.Node] = []
        func add(_ layer: any Layer, _ inputs: [Int]) {
            nodes.append(.init(name: "\(nodes.count)", inputs: inputs, layer: layer))
        }
        func append(_ layer: any Layer) {
            add(layer, [nodes.count])
            if isApart { add(Dropout(rate: 0), [nodes.count]) }
        }
        append(convolution(3, 8, kernel: 3, seed: 1))
        append(BatchNormalization(channels: 8))
        let skipped = nodes.count
        append(convolution(8, 20, kernel: 1, seed: 2))
        append(BatchNormalization(channels: 20, activation: .silu))
        append(convolution(20, 20, kernel: 3, groups: 20, seed: 3))
        append(BatchNormalization(channels: 20, activation: .relu))
        append(convolution(20, 8, kernel: 1, seed: 4))
        append(BatchNormalization(channels: 8))
        add(Add(), [skipped, nodes.count])
        append(convolution(8, 4, kernel: 1, seed: 5))
        append(BatchNormalization(channels: 4, activation: .silu))
        return try Network(name: "block", inputShape: [6, 5, 3], nodes: nodes)
    }

    private struct Results {
        var outputs: [Tensor] = []
        var gradients: [[Float]] = []
    }

    /// Of a step, an evaluation with a backward pass that is not one, and another step of fewer images.
    private func results(isApart: Bool, threads: Int) throws -> Results {
        var network = try network(isApart: isApart)
        var results = Results()
        var generator = SeededGenerator(seed: 9)
        for (batch, isTraining) in [(11, true), (3, false), (4, true)] {
            var pass = Pass(isTraining: isTraining, threads: threads)
            let x = Tensor.random([batch, 6, 5, 3], using: &generator)
            let dy = Tensor.random([batch, 6, 5, 4], using: &generator)
            results.outputs.append(network.forward(x, pass: &pass))
            guard isTraining else { continue }
            network.backward(dy, pass: &pass)
            network.visitVariables { results.gradients.append($1.gradient.elements) }
        }
        return results
    }

    /// What is between them is not in memory, which tells that they do.
    @Test func `work together in training`() throws {
        var network = try network(isApart: false)
        for isTraining in [true, false] {
            var pass = Pass(isTraining: isTraining)
            _ = network.forward(Tensor(shape: [2, 6, 5, 3], repeating: 1), pass: &pass)
            let missing = (1...11).filter { network.activation($0).count == 0 }
            #expect(missing == (isTraining ? [4, 6] : []))
        }
    }

    @Test func `give what they give one by one`() throws {
        let together = try results(isApart: false, threads: 1)
        let apart = try results(isApart: true, threads: 1)
        for (found, expected) in zip(together.outputs, apart.outputs) {
            #expect(zip(found.elements, expected.elements).allSatisfy { abs($0 - $1) < 1e-4 })
        }
        #expect(together.gradients.count == apart.gradients.count)
        for (found, expected) in zip(together.gradients, apart.gradients) {
            let size = 1e-4 * (1 + expected.map(abs).max()!)
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) < size })
            #expect(expected.contains { $0 != 0 })
        }
        let shared = try results(isApart: false, threads: 3)
        #expect(shared.outputs == together.outputs && shared.gradients == together.gradients)
    }
}
