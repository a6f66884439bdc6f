import Networks
import Quantization
import Tensors
import Testing
import WeightSharing

struct EqualizationTests {
    private func layer(_ name: String, in network: Network) -> any Layer {
        network.nodes.first { $0.name == name }!.layer
    }

    /// The largest magnitudes of what makes a channel, output by output.
    private func made(_ layer: any Layer) -> [Float] {
        let weight = (layer as? Linear)?.weight ?? (layer as! Convolution).weight
        let (values, outputs) = (weight.effective.elements, weight.effective.shape.last!)
        return (0..<outputs).map { output in
            stride(from: output, to: values.count, by: outputs).map { abs(values[$0]) }.max()!
        }
    }

    /// Of what reads a channel of a convolution: `[kernel, kernel, channels of a group, outputs]`.
    private func read(_ layer: Convolution) -> [Float] {
        let g = layer.geometry
        let (inGroup, outGroup) = (g.channels / g.groups, g.outputs / g.groups)
        return (0..<g.channels).map { channel in
            var range: Float = 0
            for tap in 0..<g.kernel[0] * g.kernel[1] {
                for output in channel / inGroup * outGroup..<(channel / inGroup + 1) * outGroup {
                    let index = (tap * inGroup + channel % inGroup) * g.outputs + output
                    range = max(range, abs(layer.weight.effective[index]))
                }
            }
            return range
        }
    }

    private func read(_ layer: Linear, positions: Int = 1) -> [Float] {
        (0..<layer.inputs / positions).map { channel in
            var range: Float = 0
            for input in channel * positions..<(channel + 1) * positions {
                for output in 0..<layer.outputs {
                    range = max(
                        range, abs(layer.weight.effective[input * layer.outputs + output]))
                }
            }
            return range
        }
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `equal channels compute what unequal ones did`(seed: UInt64) throws {
        var make = PostTrainingNetworks(seed: seed)
        let network = try make.separable()
        let images = make.random([5, 6, 6, 4])
        let equalization = try Equalization(network)
        let result = equalization.network
        #expect(
            equalization.pairs.map { "\($0.first) \($0.second)" } == [
                "expand depthwise", "depthwise project", "project grouped", "grouped fc1",
                "fc1 fc2",
            ])
        #expect(equalization.exceptions.isEmpty)
        #expect(!result.nodes.contains { $0.layer is BatchNormalization })
        let (before, after) = (
            PostTrainingNetworks.outputs(network, images),
            PostTrainingNetworks.outputs(result, images)
        )
        let scale = before.map(abs).max()!
        for (old, new) in zip(before, after) { #expect(abs(old - new) <= 1e-5 * scale) }
        // Ranges on both sides are equal, and were not.
        let convolutions = ["depthwise", "project", "grouped"].map {
            layer($0, in: result) as! Convolution
        }
        let sides = [
            (made(layer("expand", in: result)), read(convolutions[0])),
            (made(convolutions[0]), read(convolutions[1])),
            (made(convolutions[1]), read(convolutions[2])),
            (made(convolutions[2]), read(layer("fc1", in: result) as! Linear, positions: 9)),
            (made(layer("fc1", in: result)), read(layer("fc2", in: result) as! Linear)),
        ]
        for (first, second) in sides {
            #expect(first.count == second.count)
            for (a, b) in zip(first, second) { #expect(abs(a - b) <= 1e-4 * a) }
        }
        let unequal = zip(
            made(layer("fc1", in: network)), read(layer("fc2", in: network) as! Linear))
        #expect(unequal.contains { abs($0 - $1) > 0.1 * $0 })
    }

    @Test func `a channel without weights and a pruned weight stay as they are`() throws {
        var make = PostTrainingNetworks(seed: 4)
        var (first, second) = (make.linear(3, 4), make.linear(4, 2))
        for input in 0..<3 { first.weight.trained.value[input * 4] = 0 }
        second.weight.trained.value[3] = 0
        let network = try Network(
            name: "pair", inputShape: [3],
            chain: [("first", first), ("relu", Activation(.relu)), ("second", second)])
        let result = try Equalization(network).network
        let found = layer("second", in: result) as! Linear
        #expect(found.weight.effective[3] == 0)
        #expect(found.weight.effective[0] == second.weight.effective[0])
        #expect(
            (layer("first", in: result) as! Linear).bias.effective[0] == first.bias.effective[0])
        let images = make.random([4, 3])
        let (before, after) = (
            PostTrainingNetworks.outputs(network, images),
            PostTrainingNetworks.outputs(result, images)
        )
        for (old, new) in zip(before, after) { #expect(abs(old - new) <= 1e-5) }
    }

    @Test func `what factors can not pass is left as it is`() throws {
        var make = PostTrainingNetworks(seed: 5)
        var shared = make.convolution(4, 4)
        shared.weight.setChain(
            [Codebook(shape: shared.geometry.weightShape, codes: (0..<144).map { $0 % 4 })],
            trained: Variable(Tensor(shape: [3], elements: [-0.5, 0.25, 1]), decays: true))
        let network = try Network(
            name: "exceptions", inputShape: [6, 6, 4],
            nodes: [
                .init(name: "branching", inputs: [0], layer: make.convolution(4, 4)),
                .init(name: "bn", inputs: [1], layer: make.normalization(4, .relu)),
                .init(name: "six", inputs: [2], layer: make.convolution(4, 4)),
                .init(name: "relu6", inputs: [3], layer: Activation(.relu6)),
                .init(name: "summed", inputs: [4], layer: make.convolution(4, 4)),
                .init(name: "sum", inputs: [5, 2], layer: Add()),
                .init(name: "plain", inputs: [6], layer: make.convolution(4, 4)),
                .init(name: "shared", inputs: [7], layer: shared),
                .init(name: "last", inputs: [8], layer: make.convolution(4, 4)),
            ])
        let equalization = try Equalization(network)
        #expect(equalization.pairs.isEmpty)
        #expect(
            equalization.exceptions.map(\.description) == [
                "branching (read by 2 layers)", "six (before relu6)", "summed (before sum)",
                "plain (weights are shared)", "shared (weights are shared)",
            ])
        let images = make.random([2, 6, 6, 4])
        #expect(
            PostTrainingNetworks.outputs(equalization.network, images)
                == PostTrainingNetworks.outputs(network, images))
    }

    @Test func `folded batch normalization agrees with NumPy`() throws {
        let golden = try Golden.load().folded_normalization
        #expect(golden.count == 2)
        for expected in golden {
            var linear = Linear(inputs: 1, outputs: 1)
            linear.weight.trained.value[0] = 1
            var normalization = BatchNormalization(channels: 1, epsilon: expected.epsilon)
            normalization.weight.trained.value[0] = expected.gamma
            normalization.bias.trained.value[0] = expected.beta
            normalization.runningMean[0] = expected.mean
            normalization.runningVariance[0] = expected.variance
            let network = try Network(
                name: "one", inputShape: [1], chain: [("fc", linear), ("bn", normalization)])
            let folded = try network.foldingNormalization(behind: ["fc"])
            #expect(folded.nodes.map(\.name) == ["fc"])
            let weight = (folded.nodes[0].layer as! Linear).weight.effective[0]
            expectClose(Double(weight), expected.factor, "factor")
            let input = Tensor(shape: [1, 1], elements: [expected.result])
            expectClose(
                Double(PostTrainingNetworks.outputs(folded, input)[0]), expected.y, "folded")
            // The result and two pairs of others, a batch that has the given moments.
            let (x, mean) = (Double(expected.result), expected.batch_mean)
            let sum = (5 * mean - x) / 2
            let squares = (5 * (expected.batch_variance + mean * mean) - x * x) / 2
            let half = (2 * squares - sum * sum).squareRoot() / 2
            let others = [sum / 2 + half, sum / 2 - half].map { Float($0) }
            let batch = Tensor(
                shape: [5, 1], elements: [expected.result] + others + others)
            var (training, pass) = (network, Pass(isTraining: true))
            expectClose(
                Double(training.forward(batch, pass: &pass)[0]), expected.batch_y, "training")
        }
    }
}
