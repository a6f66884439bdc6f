import Foundation
import Importing
import Networks
import Tensors
import Testing

/// Operations by themselves, in forms that the exporters of PyTorch do not write or write rarely.
/// Expected values are computed by hand.
@Suite struct ONNXOperationTests {
    private func run(_ model: ONNXTestModel, _ x: Tensor) throws -> Tensor {
        let folder = TemporaryFolder()
        var network = try Network(onnx: model.write(to: folder))
        var pass = Pass(isTraining: false)
        return network.forward(x, pass: &pass)
    }

    private func row(_ elements: Float...) -> Tensor {
        Tensor(shape: [1, elements.count], elements: elements)
    }

    @Test func `Gemm scales its product and its bias`() throws {
        var model = ONNXTestModel(input: [nil, 2])
        model.weight("w", [2, 3], [1, 2, 3, 4, 5, 6])
        model.weight("b", [1], [10])
        model.node("Gemm", ["x", "w", "b"], "y", floats: ["alpha": 0.5, "beta": 2])
        #expect(try run(model, row(1, 1)) == row(22.5, 23.5, 24.5))
    }

    @Test func `a product, a sum and a scale behind it are one linear layer`() throws {
        var model = ONNXTestModel(input: [nil, 2])
        model.weight("w", [3, 2], [1, 4, 2, 5, 3, 6])
        model.weight("b", [3], [1, 2, 3])
        model.weight("s", [1, 3], [2, 1, -1])
        model.node("Transpose", ["w"], "t", ints: ["perm": [1, 0]])
        model.node("MatMul", ["x", "t"], "m")
        model.node("Add", ["b", "m"], "a")
        model.node("Mul", ["a", "s"], "y")
        #expect(try run(model, row(1, 1)) == row(12, 9, -12))
        let folder = TemporaryFolder()
        #expect(try Network(onnx: model.write(to: folder)).nodes.count == 1)
    }

    @Test func `a scale of an image by itself is a convolution of one weight a channel`() throws {
        var model = ONNXTestModel(input: [nil, 2, 1, 2])
        model.weight("mean", [2, 1, 1], [1, 2])
        model.weight("deviation", [1, 2, 1, 1], [2, 4])
        model.node("Sub", ["x", "mean"], "a")
        model.node("Div", ["a", "deviation"], "y")
        let y = try run(model, Tensor(shape: [1, 1, 2, 2], elements: [3, 4, 5, 6]))
        #expect(y == Tensor(shape: [1, 1, 2, 2], elements: [1, 0.5, 2, 1]))
    }

    @Test func `a part of a reshaped image counts in the new shape`() throws {
        var model = ONNXTestModel(input: [nil, 2, 4, 4])
        model.integers("shape", [0, 8, 2, 2])
        model.integers("starts", [0, 0])
        model.integers("ends", [100, 100])
        model.integers("axes", [2, 3])
        model.integers("steps", [2, 2])
        model.node("Reshape", ["x", "shape"], "r")
        model.node("Slice", ["r", "starts", "ends", "axes", "steps"], "s")
        model.node("Relu", ["s"], "y")
        // Channels come last in the network, first in the file.
        let x = Tensor(
            shape: [1, 4, 4, 2], elements: (0..<32).map { Float($0 % 2 * 16 + $0 / 2) })
        #expect(try run(model, x).elements == [0, 4, 8, 12, 16, 20, 24, 28])
    }

    @Test func `one less a value is a scale and a shift`() throws {
        var model = ONNXTestModel(input: [nil, 1, 1, 2])
        model.weight("one", [], [1])
        model.node("Sub", ["one", "x"], "y")
        let y = try run(model, Tensor(shape: [1, 1, 2, 1], elements: [3, -4]))
        #expect(y.elements == [-2, 5])
    }

    @Test func `a scale of features without a layer before it is refused`() {
        var model = ONNXTestModel(input: [nil, 2])
        model.weight("two", [], [2])
        model.node("Mul", ["x", "two"], "y", name: "double")
        let folder = TemporaryFolder()
        do {
            _ = try Network(onnx: model.write(to: folder))
            Issue.record("it became a network")
        } catch {
            #expect(error.node == "double" && error.operation == "Mul")
        }
    }

    /// Three rows want one more for two windows of two; four columns want none.
    @Test(arguments: [("SAME_UPPER", [14, 22, 19, 23]), ("SAME_LOWER", [3, 7, 30, 38])])
    func `automatic padding goes to the side that is asked for`(
        mode: String, sums: [Float]
    ) throws {
        var model = ONNXTestModel(input: [1, 1, 3, 4])
        model.weight("w", [1, 1, 2, 2], [1, 1, 1, 1])
        model.node(
            "Conv", ["x", "w"], "y", ints: ["strides": [2, 2]], strings: ["auto_pad": mode])
        let x = Tensor(shape: [1, 3, 4, 1], elements: (1...12).map { Float($0) })
        #expect(try run(model, x).elements == sums)
    }

    /// Windows that lie in the border as a whole are no part of a convolution in a file.
    @Test func `more padding than a kernel reaches over is a layer of its own`() throws {
        var model = ONNXTestModel(input: [1, 1, 2, 2])
        model.weight("w", [1, 1, 1, 2], [2, 1])
        model.node("Conv", ["x", "w"], "y", ints: ["pads": [1, 2, 1, 1]])
        let x = Tensor(shape: [1, 2, 2, 1], elements: [1, 2, 3, 4])
        let y = try run(model, x)
        #expect(y.shape == [1, 4, 4, 1])
        #expect(y.elements == [0, 0, 0, 0, 0, 1, 4, 4, 0, 3, 10, 8, 0, 0, 0, 0])
        let folder = TemporaryFolder()
        let network = try Network(onnx: model.write(to: folder))
        let convolution = try #require(network.nodes.last?.layer as? Convolution)
        #expect(convolution.geometry.padding == [0, 1])
        #expect(network.nodes.first?.layer is Padding)
    }

    @Test func `means with padding count it as zeros or are refused`() throws {
        var model = ONNXTestModel(input: [1, 1, 2, 2])
        model.node(
            "AveragePool", ["x"], "y", name: "pool",
            ints: [
                "kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 1, 1, 1],
                "count_include_pad": [1],
            ])
        let x = Tensor(shape: [1, 2, 2, 1], elements: [4, 8, 12, 16])
        #expect(try run(model, x).elements == [1, 2, 3, 4])
        model.model.graph.node[0].attribute.removeAll { $0.name == "count_include_pad" }
        #expect(throws: ONNXError.self) { try run(model, x) }
    }

    @Test func `windows that are rounded up are refused unless they fit`() throws {
        for (size, fits) in [(4, true), (5, false)] {
            var model = ONNXTestModel(input: [1, 1, size, size])
            model.node(
                "MaxPool", ["x"], "y",
                ints: ["kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": [1]])
            let folder = TemporaryFolder()
            let path = model.write(to: folder)
            if fits {
                #expect(throws: Never.self) { try Network(onnx: path) }
            } else {
                #expect(throws: ONNXError.self) { try Network(onnx: path) }
            }
        }
    }

    /// `[1, 2]` gives the scores 5, 11 and −1.
    private func classifier(_ ending: [(operation: String, ints: [String: [Int]])]) -> ONNXTestModel
    {
        var model = ONNXTestModel(input: [nil, 2])
        model.weight("w", [2, 3], [1, 3, 1, 2, 4, -1])
        model.node("MatMul", ["x", "w"], ending.isEmpty ? "y" : "v0")
        for (index, node) in ending.enumerated() {
            let output = index + 1 == ending.count ? "y" : "v\(index + 1)"
            model.node(node.operation, ["v\(index)"], output, name: "end\(index)", ints: node.ints)
        }
        return model
    }

    @Test(arguments: [
        [("LogSoftmax", ["axis": [1]])],
        [("LogSoftmax", [:])],
        [("ArgMax", ["axis": [1], "keepdims": [0]])],
        [("ArgMax", ["axis": [-1]]), ("Cast", ["to": [6]])],
        [("Identity", [:]), ("LogSoftmax", ["axis": [-1]]), ("ArgMax", ["axis": [1]])],
    ])
    func `what a network ends in to predict is left out`(
        ending: [(operation: String, ints: [String: [Int]])]
    ) throws {
        let model = classifier(ending)
        #expect(try run(model, row(1, 2)) == row(5, 11, -1))
        let folder = TemporaryFolder()
        let file = try ONNXFile(path: model.write(to: folder))
        #expect(file.network.nodes.count == 1)
        let names = ending.map(\.operation).filter { $0 == "LogSoftmax" || $0 == "ArgMax" }
        #expect(file.leftOut == names)
    }

    @Test func `a softmax stays, and is not left out with what follows it`() throws {
        let model = classifier([("Softmax", ["axis": [1]]), ("ArgMax", ["axis": [1]])])
        let folder = TemporaryFolder()
        let file = try ONNXFile(path: model.write(to: folder))
        #expect(file.leftOut == ["ArgMax"])
        #expect(file.network.nodes.last?.layer is Softmax)
        // exp(0) and exp(ln 3) have the shares 1/4 and 3/4.
        var pair = ONNXTestModel(input: [nil, 2])
        pair.node("Softmax", ["x"], "s")
        pair.node("ArgMax", ["s"], "y", ints: ["axis": [1]])
        let shares = try run(pair, row(0, Float(log(3.0)))).elements
        #expect(abs(shares[0] - 0.25) < 1e-6 && abs(shares[1] - 0.75) < 1e-6)
    }

    @Test(arguments: [
        // The default axis of ArgMax is the batch.
        [("ArgMax", [:])],
        [("ArgMax", ["axis": [0]])],
        [("LogSoftmax", ["axis": [0]])],
        // Not at the end.
        [("LogSoftmax", ["axis": [1]]), ("Relu", [:])],
        [("Cast", ["to": [6]])],
    ])
    func `what would change the order of classes is refused`(
        ending: [(operation: String, ints: [String: [Int]])]
    ) throws {
        let error = #expect(throws: ONNXError.self) { try run(classifier(ending), row(1, 2)) }
        #expect(try #require(error).node == "end0")
    }

    @Test func `features that become an image again keep the order of channels`() throws {
        var model = ONNXTestModel(input: [nil, 2, 1, 3])
        model.integers("flat", [0, -1])
        model.integers("image", [-1, 3, 2, 1])
        model.node("Reshape", ["x", "flat"], "f")
        model.node("Reshape", ["f", "image"], "i")
        model.node("Relu", ["i"], "y")
        // Channel 0 is 1, 2, 3 and channel 1 is 4, 5, 6; then three channels of two values.
        let x = Tensor(shape: [1, 1, 3, 2], elements: [1, 4, 2, 5, 3, 6])
        let y = try run(model, x)
        #expect(y == Tensor(shape: [1, 2, 1, 3], elements: [1, 3, 5, 2, 4, 6]))
    }

    @Test func `a gate is multiplied with all positions, on whichever side it stands`() throws {
        for isFirst in [true, false] {
            var model = ONNXTestModel(input: [nil, 2, 1, 2])
            model.node("GlobalMaxPool", ["x"], "g")
            model.node("Mul", isFirst ? ["g", "x"] : ["x", "g"], "y")
            let x = Tensor(shape: [1, 1, 2, 2], elements: [1, 5, 3, 2])
            #expect(try run(model, x).elements == [3, 25, 9, 10])
        }
    }

    @Test func `half precision weights are read`() throws {
        var model = ONNXTestModel(input: [nil, 6])
        // 1, −2, 65504, the smallest subnormal, 0 and 1/3 in IEEE half precision.
        let halves: [UInt16] = [0x3C00, 0xC000, 0x7BFF, 0x0001, 0, 0x3555]
        model.weight("w", [6, 1])
        model.model.graph.initializer[0].dataType = 10
        model.model.graph.initializer[0].rawData = halves.withUnsafeBufferPointer {
            Data(buffer: $0)
        }
        model.node("MatMul", ["x", "w"], "y")
        let expected: [Float] = [1, -2, 65504, 0x1p-24, 0, 0.33325195]
        for (index, value) in expected.enumerated() {
            var x = Tensor(shape: [1, 6])
            x[index] = 1
            #expect(try run(model, x).elements == [value])
        }
    }
}
