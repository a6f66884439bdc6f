import Networks
import Quantization
import Tensors
import Testing

struct QuantizerPlacementTests {
    private typealias Site = QuantizerPlacement.Site

    private func convolution(_ channels: Int = 2, _ outputs: Int = 2) -> Convolution {
        Convolution(
            ConvolutionGeometry(
                height: 4, width: 4, channels: channels, outputs: outputs, kernel: [3, 3],
                stride: [1, 1], padding: [1, 1]))
    }

    /// Nodes are named by their place: `n1`, `n2`, ...
    private func network(_ nodes: [(layer: any Layer, inputs: [Int])]) throws -> Network {
        try Network(
            name: "graph", inputShape: [4, 4, 2],
            nodes: nodes.enumerated().map {
                .init(name: "n\($0 + 1)", inputs: $1.inputs, layer: $1.layer)
            })
    }

    private func sites(
        _ nodes: [(layer: any Layer, inputs: [Int])], layers: [String: Int] = [:], input: Int? = nil
    ) throws -> [Site] {
        var bits: [String: Int] = [:]
        for index in nodes.indices { bits["n\(index + 1)"] = layers["n\(index + 1)"] ?? 4 }
        return QuantizerPlacement(
            try network(nodes), bits: .init(layers: bits, residual: 8, input: input)
        ).sites
    }

    private func reader(_ node: Int, _ slot: Int = 0) -> Network.Reader {
        .init(node: node - 1, slot: slot)
    }

    @Test func `a chain has one quantizer before each layer, behind clamps and before moves`()
        throws
    {
        let found = try sites([
            (convolution(), [0]), (MaxPooling(kernel: [1, 1], stride: [1, 1]), [1]),
            (Activation(.relu), [2]), (Dropout(rate: 0.5), [3]), (Flatten(), [4]),
            (Linear(inputs: 32, outputs: 5), [5]), (Activation(.relu), [6]),
            (Linear(inputs: 5, outputs: 2), [7]),
        ])
        #expect(
            found == [
                Site(value: 0, bits: 4, role: .input, readers: [reader(1)]),
                Site(value: 3, bits: 4, role: .layer, readers: [reader(4)]),
                Site(value: 7, bits: 4, role: .layer, readers: [reader(8)]),
            ])
    }

    @Test func `a residual block's output is rounded twice, for the sum and for the layer`() throws
    {
        let found = try sites([
            (convolution(), [0]), (BatchNormalization(channels: 2, activation: .relu), [1]),
            (convolution(), [2]), (BatchNormalization(channels: 2), [3]),
            (Add(activation: .relu), [4, 2]), (convolution(), [5]),
        ])
        #expect(
            found == [
                Site(value: 0, bits: 4, role: .input, readers: [reader(1)]),
                Site(value: 2, bits: 8, role: .residual, readers: [reader(5, 1)]),
                Site(value: 2, bits: 4, role: .layer, behind: 1, readers: [reader(3)]),
                Site(value: 4, bits: 8, role: .residual, readers: [reader(5)]),
                Site(value: 5, bits: 4, role: .layer, readers: [reader(6)]),
            ])
    }

    @Test func `equal widths share a quantizer`() throws {
        let found = try sites(
            [
                (convolution(), [0]), (convolution(), [1]), (Add(), [2, 1]), (convolution(), [3]),
            ], layers: ["n1": 8, "n2": 8, "n4": 8])
        #expect(found.map(\.value) == [0, 1, 2, 3])
        #expect(found.allSatisfy { $0.bits == 8 && $0.behind == nil })
    }

    @Test func `slices of one value get the quantizer that each needs`() throws {
        // 1 goes to a sum by one slice, and to a convolution by another.
        let found = try sites([
            (convolution(), [0]), (Slice(channels: 0..<1), [1]), (Slice(channels: 1..<2), [1]),
            (convolution(1, 1), [3]), (Add(), [2, 4]), (convolution(1, 2), [5]),
        ])
        #expect(
            found == [
                Site(value: 0, bits: 4, role: .input, readers: [reader(1)]),
                Site(value: 1, bits: 8, role: .residual, readers: [reader(2)]),
                Site(value: 1, bits: 4, role: .layer, behind: 1, readers: [reader(3)]),
                Site(value: 4, bits: 8, role: .residual, readers: [reader(5, 1)]),
                Site(value: 5, bits: 4, role: .layer, readers: [reader(6)]),
            ])
    }

    @Test func `behind a move that both kinds read, few bits stand behind the move`() throws {
        let found = try sites([
            (convolution(), [0]), (MaxPooling(kernel: [1, 1], stride: [1, 1]), [1]),
            (convolution(), [2]), (Add(), [3, 2]), (convolution(), [4]),
        ])
        #expect(
            found == [
                Site(value: 0, bits: 4, role: .input, readers: [reader(1)]),
                Site(value: 1, bits: 8, role: .residual, readers: [reader(2)]),
                Site(value: 2, bits: 4, role: .layer, readers: [reader(3)]),
                Site(value: 3, bits: 8, role: .residual, readers: [reader(4)]),
                Site(value: 4, bits: 4, role: .layer, readers: [reader(5)]),
            ])
    }

    @Test func `smooth functions, gates and averages read eight bits`() throws {
        let found = try sites([
            (convolution(), [0]), (Activation(.silu), [1]), (GlobalAveragePooling(), [2]),
            (Activation(.sigmoid), [3]), (Multiply(), [2, 4]), (convolution(), [5]),
        ])
        #expect(found.map(\.value) == [0, 1, 2, 3, 4, 5])
        #expect(found.map(\.bits) == [4, 8, 8, 8, 8, 4])
        #expect(found[2].readers == [reader(3), reader(5)])
    }

    @Test func `a clamp of a shared value and one behind a slice read codes`() throws {
        let shared = try sites([
            (convolution(), [0]), (Activation(.relu), [1]), (Add(), [1, 2]), (convolution(), [3]),
        ])
        #expect(shared.map(\.value) == [0, 1, 2, 3])
        let sliced = try sites([
            (convolution(), [0]), (Slice(channels: 0..<1), [1]), (Activation(.relu), [2]),
            (convolution(1, 2), [3]),
        ])
        #expect(sliced.map(\.value) == [0, 3])
        let padded = try sites([
            (convolution(), [0]), (Padding(top: 1, left: 1, bottom: 1, right: 1), [1]),
            (Activation(.clip(lowest: 1, highest: 2)), [2]), (Flatten(), [3]),
            (Linear(inputs: 72, outputs: 2), [4]),
        ])
        #expect(padded.map(\.value) == [0, 1, 3])
    }

    @Test func `only a layer's result is the output without a grid`() throws {
        let layer = try sites([
            (convolution(), [0]), (Activation(.relu), [1]), (Flatten(), [2]), (Softmax(), [3]),
        ])
        #expect(layer.map(\.value) == [0])
        let mean = try sites([
            (convolution(), [0]), (GlobalAveragePooling(), [1]), (Flatten(), [2]),
        ])
        #expect(mean.map(\.value) == [0, 1, 2])
        let read = try sites([(convolution(), [0]), (Add(), [1, 1])])
        #expect(read.map(\.value) == [0, 1, 2])
    }

    @Test func `the input has one quantizer, of its own width if there is one`() throws {
        let nodes: [(layer: any Layer, inputs: [Int])] = [
            (convolution(), [0]), (Add(), [1, 0]), (convolution(), [2]),
        ]
        #expect(try sites(nodes).first?.bits == 8)
        let found = try sites(nodes, input: 6)
        #expect(
            found.first
                == Site(value: 0, bits: 6, role: .input, readers: [reader(1), reader(2, 1)]))
    }

    @Test func `quantizers are put where the sites say`() throws {
        let block = try network([
            (convolution(), [0]), (convolution(), [1]), (Add(), [2, 1]), (convolution(), [3]),
        ])
        let placement = QuantizerPlacement(
            block, bits: .init(layers: ["n1": 4, "n2": 4, "n4": 4]))
        let quantizers = placement.sites.map {
            ActivationQuantizer(bits: $0.bits, scheme: .unsignedSymmetric)
        }
        let found = try placement.network(with: quantizers)
        #expect(
            found.nodes.map { "\($0.name) \($0.inputs)" } == [
                "quantize-input [0]", "n1 [1]", "quantize-n1 [2]", "quantize-n1-4bit [3]",
                "n2 [4]", "quantize-n2 [5]", "n3 [6, 3]", "quantize-n3 [7]", "n4 [8]",
            ])
        let removed = try found.removingActivationQuantizers()
        #expect(removed.nodes.map(\.name) == block.nodes.map(\.name))
        #expect(removed.nodes.map(\.inputs) == block.nodes.map(\.inputs))
    }

    @Test func `smooth functions become layers of their own`() throws {
        let found = try network([
            (convolution(), [0]), (BatchNormalization(channels: 2, activation: .silu), [1]),
            (BatchNormalization(channels: 2, activation: .relu6), [2]),
            (Add(activation: .hardSwish), [2, 3]), (convolution(), [4]),
        ]).separatingFunctions()
        #expect(
            found.nodes.map { "\($0.name) \($0.inputs)" } == [
                "n1 [0]", "n2 [1]", "n2-function [2]", "n3 [3]", "n4 [3, 4]", "n4-function [5]",
                "n5 [6]",
            ])
        #expect((found.nodes[1].layer as? BatchNormalization)?.activation == .identity)
        #expect((found.nodes[2].layer as? Activation)?.function == .silu)
        #expect((found.nodes[3].layer as? BatchNormalization)?.activation == .relu6)
    }
}
