import Foundation
import Importing
import Networks
import ONNXSchema
import Tensors
import Testing

/// What a file gives: its error, or `nil` for a network.
private func problem(
    of model: ONNXTestModel, in folder: TemporaryFolder = TemporaryFolder()
) -> ONNXError? {
    let path = model.write(to: folder)
    do {
        _ = try Network(onnx: path)
        return nil
    } catch {
        #expect(error.file == path)
        return error
    }
}

@Suite struct ONNXErrorTests {
    /// `y = x W` for 4 features.
    private func linear(opset: Int = 17) -> ONNXTestModel {
        var model = ONNXTestModel(input: [nil, 4], opset: opset)
        model.weight("w", [4, 3])
        model.node("MatMul", ["x", "w"], "y", name: "fc")
        return model
    }

    private func convolution(_ ints: [String: [Int]] = [:]) -> ONNXTestModel {
        var model = ONNXTestModel(input: [1, 2, 5, 5])
        model.weight("w", [3, 2, 3, 3])
        model.node("Conv", ["x", "w"], "y", name: "conv", ints: ints)
        return model
    }

    @Test func `the models of these tests are right but for what the tests change`() {
        #expect(problem(of: linear()) == nil)
        #expect(problem(of: convolution()) == nil)
    }

    @Test(arguments: [Float.nan, .infinity])
    func `a weight that is no number is an error that names it`(value: Float) throws {
        var model = ONNXTestModel(input: [nil, 4], opset: 17)
        model.weight("w", [4, 3], [Float](repeating: 1, count: 7) + [value, 0, 0, 0, 0])
        model.node("MatMul", ["x", "w"], "y", name: "fc")
        let error = try #require(problem(of: model))
        #expect("\(error)".contains("'fc.weight' is \(value), expected a finite number"))
    }

    @Test(arguments: ["scale", "bias", "mean", "variance"])
    func `batch normalization by what is no number is an error that names it`(
        part: String
    ) throws {
        var model = ONNXTestModel(input: [nil, 4])
        for name in ["scale", "bias", "mean", "variance"] {
            model.weight(name, [4], name == part ? [1, 1, .infinity, 1] : [1, 1, 1, 1])
        }
        model.node("BatchNormalization", ["x", "scale", "bias", "mean", "variance"], "y")
        let error = try #require(problem(of: model))
        #expect("\(error)".contains("element 2 of '"), "\(error)")
        #expect("\(error)".contains("is inf, expected a finite number"), "\(error)")
    }

    @Test func `an operation that is not supported is named with its node`() throws {
        var model = linear()
        model.model.graph.node[0].output = ["h"]
        model.node("Erf", ["h"], "y", name: "/act/Erf")
        let error = try #require(problem(of: model))
        #expect(error.node == "/act/Erf" && error.operation == "Erf")
        guard case .unsupportedOperation(let onValues, let onConstants) = error.problem else {
            Issue.record("\(error)")
            return
        }
        #expect(onValues.contains("Conv") && onValues.contains("Relu"))
        #expect(onConstants.contains("Gather") && !onValues.contains("Gather"))
        #expect(!(onValues + onConstants).contains("Erf"))
        #expect(
            "\(error)".contains(
                "node '/act/Erf' (Erf): the operation is not supported\n  supported: Add, "))
        #expect("\(error)".contains("\n  on constants only: Ceil, Constant, "))
    }

    @Test func `an operation of another domain is not taken for the standard one`() throws {
        var model = linear()
        model.model.graph.node[0].domain = "com.microsoft"
        let error = try #require(problem(of: model))
        #expect(error.operation == "com.microsoft.MatMul")
    }

    @Test func `a node without a name is named by its place`() throws {
        var model = linear()
        model.model.graph.node[0].output = ["h"]
        model.node("Tanh", ["h"], "y")
        #expect(problem(of: model)?.node == "#1")
    }

    @Test func `old operations are refused`() {
        #expect(problem(of: linear(opset: 12))?.problem == .opset(found: 12, lowest: 13))
        var model = linear()
        model.model.opsetImport = []
        #expect(problem(of: model)?.problem == .opset(found: nil, lowest: 13))
    }

    @Test func `a file that is missing and one that is no model are told apart`() {
        let folder = TemporaryFolder()
        #expect(throws: ONNXError.self) { try Network(onnx: folder.path("none.onnx")) }
        let path = folder.write(Array("not a model".utf8), "text.onnx")
        do {
            _ = try Network(onnx: path)
            Issue.record("a text became a network")
        } catch {
            guard case .notAModel = error.problem else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test func `a file of PyTorch and a safetensors file are told from a model`() {
        let folder = TemporaryFolder()
        let oldMagic: [UInt8] = [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a]
        for (bytes, reason) in [
            (oldMagic, "it is a PyTorch file (torch.save)"),
            (Safetensors().encoded(), "it looks like a safetensors file"),
        ] {
            let path = folder.write(bytes, "x.onnx")
            do {
                _ = try Network(onnx: path)
                Issue.record("it became a network")
            } catch {
                #expect("\(error)".contains("is not an ONNX model: \(reason)"), "\(error)")
            }
        }
    }

    @Test(arguments: [(10, "float16"), (16, "bfloat16"), (11, "double")])
    func `an input of other floats is named by their type`(number: Int, name: String) throws {
        var model = linear()
        model.model.graph.input[0].type.tensorType.elemType = Int32(number)
        let error = try #require(problem(of: model))
        #expect(
            "\(error)".contains(
                "the element type of input 'x' is \(name), expected float: export the network in "
                    + "float32"), "\(error)")
    }

    @Test func `a weight of a type that is not read is named by it`() throws {
        var model = linear()
        model.model.graph.initializer[0].dataType = 12
        let error = try #require(problem(of: model))
        #expect("\(error)".contains("the element type of tensor 'w' is uint32, expected"))
    }

    @Test func `a convolution in one dimension is told not to be supported`() throws {
        var model = ONNXTestModel(input: [1, 1, 30])
        model.node("Relu", ["x"], "y")
        let error = try #require(problem(of: model))
        #expect(
            "\(error)".hasSuffix(
                "is [1, 1, 30], expected [batch, channels, height, width] or [batch, features], not "
                    + "3 dimensions: 1-D convolutions are not supported"), "\(error)")
        model = ONNXTestModel(input: [1, 2, 5, 5])
        model.weight("w", [3, 2, 3])
        model.node("Conv", ["x", "w"], "y", name: "conv")
        let second = try #require(problem(of: model))
        #expect("\(second)".hasSuffix("of floats: 1-D convolutions are not supported"))
    }

    @Test func `a cycle is a value that is not there yet`() {
        var model = ONNXTestModel(input: [nil, 4])
        model.node("Add", ["x", "b"], "a", name: "first")
        model.node("Relu", ["a"], "b", name: "second")
        model.node("Relu", ["b"], "y", name: "third")
        let error = problem(of: model)
        #expect(error?.node == "first" && error?.problem == .undefinedValue("b"))
    }

    @Test func `a name that is given twice is refused`() {
        var model = linear()
        model.node("Relu", ["y"], "y", name: "again")
        #expect(problem(of: model)?.problem == .duplicateValue("y"))
        model = linear()
        model.weight("w", [4, 3])
        #expect(problem(of: model)?.problem == .duplicateValue("w"))
    }

    @Test func `layers of one name get different ones`() throws {
        let folder = TemporaryFolder()
        var model = ONNXTestModel(input: [nil, 4])
        model.node("Relu", ["x"], "a", name: "act")
        model.node("Sigmoid", ["a"], "b", name: "act")
        model.node("Relu", ["b"], "y", name: "act/?")
        let network = try Network(onnx: model.write(to: folder))
        #expect(network.nodes.map(\.name) == ["act", "act_2", "act._"])
    }

    @Test(arguments: [
        ["kernel_shape": [2, 2]], ["strides": [0, 1]], ["strides": [1, 1, 1]],
        ["dilations": [-1, 1]], ["pads": [-1, 0, 0, 0]], ["pads": [1, 1]], ["group": [0]],
        ["group": [-2]], ["group": [2]], ["group": [4]], ["strides": [1]],
        ["dilations": [Int.max, 1]], ["pads": [Int.max, 0, Int.max, 0]], ["dilations": [3, 3]],
    ])
    func `settings of a convolution that can not be are errors`(ints: [String: [Int]]) throws {
        let error = try #require(problem(of: convolution(ints)))
        #expect(error.node == "conv")
    }

    @Test func `a convolution without a known weight is refused`() throws {
        var model = convolution()
        model.model.graph.initializer = []
        model.node("Relu", ["x"], "w", name: "r")
        model.model.graph.node.swapAt(0, 1)
        let error = try #require(problem(of: model))
        #expect(
            error.problem
                == .unfit(
                    what: "the weight", found: "computed from the network's input",
                    expected: "a constant"))
    }

    @Test func `a height that is not known is refused`() throws {
        var model = ONNXTestModel(input: [nil, 3, nil, 8])
        model.node("Relu", ["x"], "y")
        let error = try #require(problem(of: model))
        #expect("\(error)".contains("[?, 3, ?, 8]"))
        #expect("\(error)".hasSuffix("all but the batch known"))
    }

    @Test func `a batch norm in training mode is refused`() throws {
        var model = ONNXTestModel(input: [nil, 2, 4, 4])
        for name in ["s", "b", "m", "v"] { model.weight(name, [2], [1, 1]) }
        model.node(
            "BatchNormalization", ["x", "s", "b", "m", "v"], "y", ints: ["training_mode": [1]])
        #expect("\(try #require(problem(of: model)))".contains("evaluation mode"))
    }

    /// Before opset 14 it has no attribute, but the statistics as further outputs.
    @Test func `a batch norm with the outputs of training is refused`() throws {
        for outputs in [["y"], ["y", "", ""], ["y", "mean"]] {
            var model = ONNXTestModel(input: [nil, 2, 4, 4], opset: 13)
            for name in ["s", "b", "m", "v"] { model.weight(name, [2], [1, 1]) }
            model.node("BatchNormalization", ["x", "s", "b", "m", "v"], "y")
            model.model.graph.node[0].output = outputs
            let problem = problem(of: model)
            #expect((problem == nil) == !outputs.contains("mean"))
            if let problem { #expect("\(problem)".contains("evaluation mode")) }
        }
    }

    @Test func `a transpose that is no channel shuffle is refused`() throws {
        var model = ONNXTestModel(input: [nil, 4, 6, 6])
        model.node("Transpose", ["x"], "t", ints: ["perm": [0, 2, 3, 1]])
        model.node("Relu", ["t"], "y")
        #expect("\(try #require(problem(of: model)))".contains("channel shuffle"))
    }

    // MARK: Sizes

    @Test(arguments: [[1 << 40, 3], [-1, 3], [Int.max, Int.max], [4, 4], [0, 3]])
    func `a weight whose shape and data differ is refused`(shape: [Int]) throws {
        var model = linear()
        model.model.graph.initializer[0].dims = shape.map { Int64($0) }
        let error = try #require(problem(of: model))
        #expect(error.node == "fc")
    }

    @Test func `constants that would take much memory are refused`() throws {
        var model = linear()
        model.integers("shape", [1 << 20, 1 << 20])
        model.node("ConstantOfShape", ["shape"], "c", name: "large")
        let error = try #require(problem(of: model))
        #expect(error.node == "large")
        guard case .tooLarge = error.problem else {
            Issue.record("\(error)")
            return
        }
    }

    /// Some tools write weights so; 36 MB of them are more than what is always granted.
    @Test func `weights may be as large in Constant nodes as elsewhere`() throws {
        var model = ONNXTestModel(input: [nil, 3000])
        model.weight("w", [3000, 3000], [Float](repeating: 0.5, count: 9_000_000))
        let tensor = model.model.graph.initializer.removeLast()
        model.node("Constant", [], "w")
        model.model.graph.node[0].attribute = [
            ONNXAttributeProto.with { ($0.name, $0.type, $0.t) = ("value", .tensor, tensor) }
        ]
        model.node("MatMul", ["x", "w"], "y")
        #expect(problem(of: model) == nil)
    }

    /// As exports in half precision write them: numbers of 16 bits, a Cast, and a scale for each output.
    @Test func `large weights may be made wider and scaled`() throws {
        var model = ONNXTestModel(input: [nil, 2000])
        model.weight("w", [2000, 1700], [Float](repeating: 0.5, count: 3_400_000))
        model.weight("scale", [1, 1700])
        model.node("Cast", ["w"], "wide", ints: ["to": [1]])
        model.node("Mul", ["wide", "scale"], "scaled")
        model.node("MatMul", ["x", "scaled"], "y")
        #expect(problem(of: model) == nil)
    }

    @Test func `many small constants that together take much memory are refused`() throws {
        var model = linear()
        model.integers("shape", [1 << 20])
        for index in 0..<64 { model.node("ConstantOfShape", ["shape"], "c\(index)") }
        guard case .tooLarge? = problem(of: model)?.problem else {
            Issue.record("64 MiB of constants from a file of a few bytes")
            return
        }
    }

    @Test func `one weight in very many layers is refused`() throws {
        var model = ONNXTestModel(input: [nil, 512], output: "h99")
        model.weight("w", [512, 512])
        for index in 0..<100 {
            model.node("MatMul", [index == 0 ? "x" : "h\(index - 1)", "w"], "h\(index)")
        }
        guard case .tooLarge? = problem(of: model)?.problem else {
            Issue.record("a hundred times the weights of the file")
            return
        }
    }

    @Test func `one large tensor under many names is refused`() throws {
        var model = linear()
        model.weight("large", [1 << 20], [Float](repeating: 0, count: 1 << 20))
        for index in 0..<20 { model.node("Identity", ["large"], "l\(index)") }
        guard case .tooLarge? = problem(of: model)?.problem else {
            Issue.record("80 MiB from a file of 4")
            return
        }
    }

    @Test func `a tensor cut in very many parts is refused`() throws {
        var model = ONNXTestModel(input: [nil, 1 << 20, 1, 1])
        model.integers("one", [1])
        model.model.graph.initializer[0].dims = []
        model.node("SplitToSequence", ["x", "one"], "s", name: "split", ints: ["axis": [1]])
        #expect(problem(of: model)?.node == "split")
    }

    @Test func `an image larger than any is refused`() throws {
        var model = ONNXTestModel(input: [nil, 1 << 20, 1 << 20, 3])
        model.node("Relu", ["x"], "y")
        #expect(problem(of: model) != nil)
        model = ONNXTestModel(input: [nil, 1 << 10, 1 << 10, 1 << 10])
        model.integers("pads", [0, 0, 1 << 16, 1 << 16, 0, 0, 1 << 16, 1 << 16])
        model.node("Pad", ["x", "pads"], "p")
        model.node("Relu", ["p"], "y")
        guard case .network? = problem(of: model)?.problem else {
            Issue.record("17,000 million values of a sample")
            return
        }
    }

    // MARK: Data in other files

    private func external(_ entries: [String: String], in folder: TemporaryFolder) -> ONNXError? {
        var model = linear()
        model.model.graph.initializer[0].clearRawData()
        model.model.graph.initializer[0].dataLocation = .external
        model.model.graph.initializer[0].externalData = entries.map { key, value in
            ONNXStringStringEntryProto.with { ($0.key, $0.value) = (key, value) }
        }
        return problem(of: model, in: folder)
    }

    @Test func `weights beside the model are read, from the place that is named`() throws {
        let folder = TemporaryFolder()
        folder.write([UInt8](repeating: 0, count: 60), "data/weights.bin")
        #expect(external(["location": "data/weights.bin"], in: folder) == nil)
        #expect(
            external(["location": "data/weights.bin", "offset": "12", "length": "48"], in: folder)
                == nil)
    }

    @Test(arguments: [
        ["location": "../weights.bin"], ["location": "data/../../weights.bin"],
        ["location": "/etc/hostname"], ["location": ""], [:], ["location": "none.bin"],
        ["location": "data"], ["location": "link.bin"], ["location": "link/weights.bin"],
        ["location": "data/weights.bin", "offset": "13"],
        ["location": "data/weights.bin", "offset": "-1"],
        ["location": "data/weights.bin", "offset": "9223372036854775807"],
        ["location": "data/weights.bin", "length": "47"],
        ["location": "data/weights.bin", "length": "x"],
    ])
    func `places that are wrong or outside the folder are refused`(
        entries: [String: String]
    ) throws {
        let (outer, folder) = (TemporaryFolder(), TemporaryFolder())
        outer.write([UInt8](repeating: 0, count: 60), "weights.bin")
        folder.write([UInt8](repeating: 0, count: 60), "data/weights.bin")
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("link.bin"), withDestinationPath: outer.path("weights.bin"))
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("link"), withDestinationPath: outer.path)
        let error = try #require(external(entries, in: folder))
        guard case .externalData(tensor: "w", _, _) = error.problem else {
            Issue.record("\(error)")
            return
        }
    }

    @Test func `the files beside a model are listed`() {
        let folder = TemporaryFolder()
        var model = linear()
        #expect(Network.externalFiles(ofONNX: model.write(to: folder)) == [])
        for name in ["w2", "w3", "w4"] {
            model.weight(name, [4, 3])
            let last = model.model.graph.initializer.count - 1
            model.model.graph.initializer[last].dataLocation = .external
            model.model.graph.initializer[last].externalData = [
                ONNXStringStringEntryProto.with {
                    ($0.key, $0.value) = ("location", name == "w2" ? "b.bin" : "a/a.bin")
                }
            ]
        }
        #expect(
            Network.externalFiles(ofONNX: model.write(to: folder))
                == [folder.path("a/a.bin"), folder.path("b.bin")])
        #expect(Network.externalFiles(ofONNX: folder.path("none.onnx")) == [])
    }

    // MARK: Sizes of zero

    /// `operation` on a constant of these sizes, none of whose elements is there, beside `y = x`.
    private func folding(
        _ operation: String, _ shapes: [[Int]], indices: Bool = false, ints: [String: [Int]]
    ) -> ONNXTestModel {
        var model = ONNXTestModel(input: [nil, 4])
        for (index, shape) in shapes.enumerated() { model.weight("c\(index)", shape, []) }
        if indices { model.integers("indices", []) }
        let inputs = shapes.indices.map { "c\($0)" } + (indices ? ["indices"] : [])
        model.node(operation, inputs, "unused", name: "folded", ints: ints)
        model.node("Relu", ["x"], "y")
        return model
    }

    @Test(arguments: [[0, 1 << 40, 1 << 40], [1 << 40, 1 << 40, 0], [1 << 32, 0, 1 << 32]])
    func `sizes whose product overflows are refused beside a zero, too`(shape: [Int]) throws {
        let models = [
            folding("Transpose", [shape], ints: ["perm": [2, 1, 0]]),
            folding("Flatten", [shape], ints: ["axis": [1]]),
            folding("Gather", [shape], indices: true, ints: ["axis": [0]]),
            folding("Gather", [shape], indices: true, ints: ["axis": [1]]),
        ]
        for model in models { #expect(try #require(problem(of: model)).node == "folded") }
    }

    @Test func `a concatenation whose size overflows is refused`() throws {
        let model = folding("Concat", [[0, Int.max], [0, 5]], ints: ["axis": [1]])
        #expect(try #require(problem(of: model)).node == "folded")
    }

    @Test(.timeLimit(.minutes(1))) func `results without elements take no time`() {
        for shape in [[1 << 40, 0], [1 << 34, 0, 7]] {
            let gather = folding("Gather", [shape], indices: true, ints: ["axis": [1]])
            #expect(problem(of: gather) == nil)
            let concat = folding("Concat", [shape, shape], ints: ["axis": [1]])
            #expect(problem(of: concat) == nil)
        }
    }

    // MARK: Damage

    /// A file either is refused or gives a network; it never ends the program.
    private func tryToRead(_ bytes: [UInt8], _ folder: TemporaryFolder) -> Bool {
        let path = folder.write(bytes, "damaged.onnx")
        do {
            _ = try Network(onnx: path)
            return true
        } catch {
            return false
        }
    }

    @Test(arguments: ["idioms-dynamo-21-bn", "idioms-ts-13"])
    func `a file that is cut short is refused`(name: String) throws {
        let folder = TemporaryFolder()
        let bytes = contents(of: ONNXFixture.named(name).path)
        // The last bytes are opsets, without which nothing is read.
        for count in stride(from: 0, to: bytes.count, by: 211) {
            #expect(!tryToRead(Array(bytes[..<count]), folder), "cut at \(count)")
        }
    }

    @Test(arguments: 1...3)
    func `a file with a flipped bit does no harm`(seed: UInt64) throws {
        let folder = TemporaryFolder()
        var generator = SeededGenerator(seed: seed)
        for name in ["idioms-dynamo-18", "idioms-ts-17-bn-values", "lenet5-ts-13"] {
            let bytes = contents(of: ONNXFixture.named(name).path)
            var refused = 0
            for _ in 0..<60 {
                var damaged = bytes
                for _ in 0..<3 {
                    let bit = Int(generator.next() % UInt64(8 * bytes.count))
                    damaged[bit / 8] ^= 1 << (bit % 8)
                }
                if !tryToRead(damaged, folder) { refused += 1 }
            }
            #expect(name.hasPrefix("lenet5") || refused > 0, "seed \(seed), \(name)")
        }
    }
}
