import Networks
import PackedModel
import Quantization
import Tensors
import Testing

struct DynamicQuantizerTests {
    @Test func `a grid spans its values and zero, and real zero has a code`() {
        // 255 / 4 = 63.75 codes lie below zero.
        let grid = DynamicGrid(lowest: -1, highest: 3)
        #expect(grid.scale == 4 / 255 && grid.zero == 64)
        #expect(grid.code(0) == 64 && grid.value(64) == 0)
        #expect(grid.code(-1) == 0 && grid.code(3) == 255)
        // 0.1 / (4 / 255) = 6.375
        #expect(grid.code(0.1) == 70 && grid.value(70) == 6 * (4 / 255 as Float))
        #expect(grid.code(-100) == 0 && grid.code(1e30) == 255 && grid.code(.nan) == 0)
        let positive = DynamicGrid(lowest: 2, highest: 5.1)
        #expect(positive.zero == 0 && positive.scale == 5.1 as Float / 255)
        let negative = DynamicGrid(lowest: -5.1, highest: -2)
        #expect(negative.zero == 255 && negative.code(-5.1) == 0)
    }

    @Test func `values that are all zero, or too many for a number, have the scale 1`() {
        let ranges: [(Float, Float)] = [
            (0, 0), (-.infinity, 1), (-3e38, 3e38), (0, .leastNonzeroMagnitude),
        ]
        for (low, high) in ranges {
            let grid = DynamicGrid(lowest: low, highest: high)
            #expect(grid.scale == 1 && grid.zero == 0)
        }
    }

    @Test(arguments: [1, 2])
    func `each sample has a grid of its own`(threads: Int) {
        var generator = SeededGenerator(seed: 3)
        let x = Tensor(
            shape: [3, 2, 5, 7],
            elements: (0..<210).map {
                Float.random(in: -0.3...1, using: &generator) * [1, 10, 0][$0 / 70]
            })
        var y = Tensor(shape: x.shape)
        var pass = Pass(isTraining: false, threads: threads)
        var layer = DynamicQuantizer()
        layer.forward([x], into: &y, pass: &pass)
        for sample in 0..<3 {
            let values = x.elements[sample * 70..<(sample + 1) * 70]
            let low = min(values.min()!, 0)
            let high = max(values.max()!, 0)
            let scale = high > low ? (high - low) / 255 : 1
            let zero = (-low / scale).rounded(.toNearestOrEven)
            for index in values.indices {
                let code = min(max((x[index] / scale).rounded(.toNearestOrEven) + zero, 0), 255)
                #expect(y[index] == scale * (code - zero), "value \(index)")
            }
        }
    }

    @Test func `every layer reads a rounded value, others do not`() throws {
        let relu = Activation(.relu)
        var network = try Network(
            name: "n", inputShape: [4],
            nodes: [
                .init(name: "a", inputs: [0], layer: Linear(inputs: 4, outputs: 4)),
                .init(name: "r", inputs: [1], layer: relu),
                .init(name: "b", inputs: [2], layer: Linear(inputs: 4, outputs: 4)),
                .init(name: "c", inputs: [2], layer: Linear(inputs: 4, outputs: 4)),
                .init(name: "sum", inputs: [3, 4], layer: Add()),
                .init(name: "all", inputs: [5, 2], layer: Add()),
            ])
        network = try network.quantizingDynamically()
        #expect(
            network.nodes.map(\.name) == [
                "quantize-input", "a", "r", "quantize-r", "b", "c", "sum", "all",
            ])
        #expect(network.nodes.map(\.inputs) == [[0], [1], [2], [3], [4], [4], [5, 6], [7, 3]])
        #expect(try network.removingActivationQuantizers().nodes.count == 6)
    }
}
