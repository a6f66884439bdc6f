import Foundation
import Importing
import Networks
import Tensors
import Testing

// Fixtures/golden/torch/state_dicts.py made the files; the layouts are PyTorch's.

private let folder = packageRoot + "/Fixtures/golden/torch"

/// Names and shapes of every architecture.
private struct Published: Decodable, Sendable {
    struct Entry: Decodable, Sendable {
        var parameters: Int
        var shapes: [String: [Int]]
    }

    var architectures: [String: Entry]

    static let shared: Published = {
        let data = FileManager.default.contents(atPath: folder + "/shapes.json")!
        return try! JSONDecoder().decode(Published.self, from: data)
    }()
}

private func blank(
    _ architecture: Architecture, _ side: Int, classes: Int, width: Float = 1
) throws -> Network {
    try architecture.blankNetwork(
        inputShape: [side, side, 3], ArchitectureOptions(classes: classes, width: width))
}

private let narrow: [(Architecture, Float)] = [
    (.resnet20, 0.25), (.mobilenetV2, 0.1), (.shufflenetV2, 0.2), (.efficientnetB0, 0.1),
    (.mixnetS, 0.1),
]

private func narrowFile(_ architecture: Architecture) -> String {
    "\(folder)/\(architecture.rawValue).safetensors"
}

@Suite struct `The state_dict of PyTorch` {
    @Test(
        arguments: Architecture.allCases.filter {
            !["lenet-300-100", "lenet-5", "digits-cnn"].contains($0.rawValue)
        })
    func `has the names and shapes of the built-in network`(architecture: Architecture) throws {
        let golden = try #require(Published.shared.architectures[architecture.rawValue])
        let isForCIFAR = [.resnet20, .resnet56].contains(architecture)
        let network = try blank(
            architecture, isForCIFAR ? 32 : 224, classes: isForCIFAR ? 10 : 1000)
        let fields = StateDict.fields(of: network)
        let shapes = Dictionary(
            uniqueKeysWithValues: fields.map { ($0.name, $0.shape) })
        for (name, shape) in golden.shapes { #expect(shapes[name] == shape, "\(name)") }
        #expect(Set(shapes.keys).subtracting(golden.shapes.keys).isEmpty)
        #expect(network.parameterCount == golden.parameters)
    }

    /// 10⁻⁴ of the logits' size: some fifty layers of sums of up to a thousand floats.
    @Test(arguments: narrow)
    func `gives the logits of PyTorch`(architecture: Architecture, width: Float) throws {
        let runs = try Safetensors(contentsOf: folder + "/runs.safetensors")
        guard case .float32(let images) = runs["input"],
            case .float32(let expected) = runs["\(architecture.rawValue).logits"]
        else {
            Issue.record("no run of \(architecture.rawValue)")
            return
        }
        var network = try blank(architecture, images.shape[2], classes: 10, width: width)
        try StateDict.load(into: &network, contentsOf: narrowFile(architecture))
        var (x, pass) = (Tensor(shape: [2, 64, 64, 3]), Pass(isTraining: false))
        x.assignTransposed(images, rows: 3, columns: 64 * 64, threads: 1)
        let logits = network.forward(x, pass: &pass)
        #expect(logits.shape == expected.shape)
        let size = expected.elements.map(abs).reduce(0, +) / Float(expected.count)
        for index in 0..<expected.count {
            #expect(
                abs(logits[index] - expected[index]) <= 1e-4 * size,
                "logit \(index): \(logits[index]), expected \(expected[index])")
        }
    }

    /// So PyTorch reads what is written here, `num_batches_tracked` included.
    @Test(arguments: narrow)
    func `is written as it was read`(architecture: Architecture, width: Float) throws {
        let temporary = TemporaryFolder()
        var network = try blank(architecture, 64, classes: 10, width: width)
        try StateDict.load(into: &network, contentsOf: narrowFile(architecture))
        try StateDict.write(network, to: temporary.path("x.safetensors"))
        func contents(_ path: String) throws -> [String: Safetensors.Content] {
            let file = try Safetensors(contentsOf: path)
            return Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.content) })
        }
        let (found, expected) = (
            try contents(temporary.path("x.safetensors")), try contents(narrowFile(architecture))
        )
        #expect(Set(found.keys) == Set(expected.keys))
        for (name, content) in expected { #expect(found[name] == content, "\(name)") }
    }

    @Test func `has the outputs of a weight outermost`() throws {
        let geometry = ConvolutionGeometry(
            height: 5, width: 5, channels: 4, outputs: 6, kernel: [3, 2], stride: [1, 1],
            padding: [0, 0], groups: 2)
        var network = try Network(
            name: "n", inputShape: [5, 5, 4],
            chain: [
                ("conv", Convolution(geometry)), ("flatten", Flatten()),
                ("fc", Linear(inputs: 72, outputs: 3)),
            ])
        let temporary = TemporaryFolder()
        let path = temporary.path("x.safetensors")
        // [6, 2, 3, 2] and [3, 72], with values that tell their places.
        var file = Safetensors()
        file.append(
            Tensor(shape: [6, 2, 3, 2], elements: (0..<72).map { Float($0) }), named: "conv.weight")
        file.append(Tensor(shape: [6], elements: [0, 1, 2, 3, 4, 5]), named: "conv.bias")
        file.append(
            Tensor(shape: [3, 72], elements: (0..<216).map { Float($0) }), named: "fc.weight")
        file.append(Tensor(shape: [3], elements: [7, 8, 9]), named: "fc.bias")
        try file.write(to: path)
        try StateDict.load(into: &network, contentsOf: path)
        network.visitParameters { name, parameter in
            let values = parameter.effective
            switch name {
            case "conv.weight":
                for (y, x) in [(0, 0), (0, 1), (1, 0), (2, 1)] {
                    for (input, output) in [(0, 0), (1, 0), (0, 5), (1, 4)] {
                        let ours = ((y * 2 + x) * 2 + input) * 6 + output
                        #expect(values[ours] == Float(((output * 2 + input) * 3 + y) * 2 + x))
                    }
                }
            case "fc.weight": #expect(values[5 * 3 + 2] == Float(2 * 72 + 5))
            case "conv.bias": #expect(values.elements == [0, 1, 2, 3, 4, 5])
            default: #expect(values.elements == [7, 8, 9])
            }
        }
        let copy = temporary.path("y.safetensors")
        try StateDict.write(network, to: copy)
        #expect(try Safetensors(contentsOf: copy).tensors == file.tensors)
    }
}

@Suite struct `A state_dict that does not fit` {
    private func network() throws -> Network {
        try Network(
            name: "small", inputShape: [4],
            chain: [("fc1", Linear(inputs: 4, outputs: 3)), ("fc2", Linear(inputs: 3, outputs: 2))])
    }

    /// Of `network()`, in PyTorch's layouts.
    private func file() -> Safetensors {
        var file = Safetensors()
        file.append(Tensor(shape: [3, 4], repeating: 1), named: "fc1.weight")
        file.append(Tensor(shape: [3], repeating: 1), named: "fc1.bias")
        file.append(Tensor(shape: [2, 3], repeating: 1), named: "fc2.weight")
        file.append(Tensor(shape: [2], repeating: 1), named: "fc2.bias")
        return file
    }

    private func error(_ file: Safetensors) throws -> String? {
        let temporary = TemporaryFolder()
        let path = temporary.path("x.safetensors")
        try file.write(to: path)
        var network = try network()
        do throws(StateDictError) {
            try StateDict.load(into: &network, contentsOf: path)
            return nil
        } catch {
            network.visitParameters { name, parameter in
                #expect(parameter.effective.elements.allSatisfy { $0 == 0 }, "\(name)")
            }
            return "\(error)".replacingOccurrences(of: temporary.path + "/", with: "")
        }
    }

    @Test func `is an error that lists what is wrong, and changes nothing`() throws {
        #expect(try error(file()) == nil)
        var wrong = file()
        wrong.tensors.remove(at: 1)
        wrong.tensors[0].content = .float32(Tensor(shape: [4, 3]))
        wrong.tensors[2].content = .bytes(shape: [2], [1, 2])
        wrong.append(Tensor(shape: [5]), named: "fc3.bias")
        #expect(
            try error(wrong) == """
                x.safetensors does not have the tensors of small:
                  'fc1.weight' has shape [4, 3], expected [3, 4]
                  'fc1.bias' [3] is missing
                  'fc2.bias' has whole numbers, expected floats
                  'fc3.bias' [5] belongs to no layer
                """)
    }

    @Test(arguments: [Float.nan, .infinity, -.infinity])
    func `has an element that is no number`(value: Float) throws {
        var wrong = file()
        wrong.tensors[2].content = .float32(
            Tensor(shape: [2, 3], elements: [1, 1, 1, 1, value, 1]))
        #expect(
            try error(wrong)
                == "x.safetensors: element 4 of 'fc2.weight' is \(value), expected a finite number")
    }

    /// A layer of batch normalization, and a folder with its `x.safetensors`.
    private func normalization() throws -> (Network, TemporaryFolder) {
        let network = try Network(
            name: "n", inputShape: [3], chain: [("bn", BatchNormalization(channels: 3))])
        let folder = TemporaryFolder()
        try StateDict.write(network, to: folder.path("x.safetensors"))
        return (network, folder)
    }

    @Test(arguments: ["running_mean", "running_var"])
    func `has a running statistic that is no number`(part: String) throws {
        let (fresh, temporary) = try normalization()
        var network = fresh
        let path = temporary.path("x.safetensors")
        var file = try Safetensors(contentsOf: path)
        let index = try #require(file.tensors.firstIndex { $0.name == "bn.\(part)" })
        file.tensors[index].content = .float32(Tensor(shape: [3], elements: [1, .infinity, 1]))
        try file.write(to: path)
        #expect(
            throws: StateDictError.notFinite(
                file: path, tensor: "bn.\(part)", element: 1, found: .infinity)
        ) { try StateDict.load(into: &network, contentsOf: path) }
    }

    @Test func `has a variance that is not positive`() throws {
        let (fresh, temporary) = try normalization()
        var network = fresh
        let path = temporary.path("x.safetensors")
        var file = try Safetensors(contentsOf: path)
        let index = try #require(file.tensors.firstIndex { $0.name == "bn.running_var" })
        // Less than ε below zero is what rounding can make of 0.
        for (variance, isWrong) in [(-1e-6, false), (-1e-5, true), (-2, true)] as [(Float, Bool)] {
            file.tensors[index].content = .float32(Tensor(shape: [3], elements: [1, 1, variance]))
            try file.write(to: path)
            let expected = StateDictError.notPositive(
                file: path, tensor: "bn.running_var", element: 2, found: variance)
            do throws(StateDictError) {
                try StateDict.load(into: &network, contentsOf: path)
                #expect(!isWrong, "\(variance)")
            } catch {
                #expect(isWrong && error == expected, "\(error)")
            }
        }
    }

    @Test func `lists twenty tensors and counts the others`() throws {
        var wrong = file()
        for index in 10..<35 { wrong.append(Tensor(shape: []), named: "x\(index)") }
        let lines = try #require(try error(wrong)).split(separator: "\n")
        #expect(lines.count == 22)
        #expect(lines[20] == "  'x29' [] belongs to no layer")
        #expect(lines[21] == "  and 5 more")
    }

    @Test func `has counts of batches that are not read`() throws {
        var counted = file()
        counted.tensors.append(
            .init(name: "bn1.num_batches_tracked", content: .int64(shape: [], [7])))
        #expect(try error(counted) == nil)
    }

    @Test func `of another network is refused`() throws {
        var network = try Architecture.resnet56.blankNetwork(
            inputShape: [32, 32, 3], ArchitectureOptions(classes: 10, width: 0.25))
        #expect {
            try StateDict.load(into: &network, contentsOf: narrowFile(.resnet20))
        } throws: { error in
            guard case StateDictError.mismatch(_, "resnet-56", let mismatches) = error else {
                return false
            }
            // Six blocks more in each of three stages, of two convolutions and normalizations of four.
            return mismatches.count == 3 * 6 * 2 * (1 + 4)
        }
    }

    @Test func `is not there, or not one`() throws {
        let temporary = TemporaryFolder()
        var network = try network()
        for path in [temporary.path("none"), temporary.write([1, 2, 3], "short")] {
            #expect {
                try StateDict.load(into: &network, contentsOf: path)
            } throws: { error in
                guard case StateDictError.unreadable = error else { return false }
                return "\(error)".contains(path)
            }
        }
    }

    @Test func `does not go into a compressed network`() throws {
        var network = try network()
        network.visitParameters { name, parameter in
            if name == "fc2.weight" { parameter.setChain([Negation()]) }
        }
        let temporary = TemporaryFolder()
        let path = temporary.path("x.safetensors")
        try file().write(to: path)
        #expect(throws: StateDictError.compressed(network: "small", tensor: "fc2.weight")) {
            try StateDict.load(into: &network, contentsOf: path)
        }
    }

    @Test func `of a compressed network has what its layers compute with`() throws {
        var network = try network()
        network.visitParameters { name, parameter in
            if name == "fc2.weight" {
                parameter.trained.value = Tensor(shape: [3, 2], elements: [1, 2, 3, 4, 5, 6])
                parameter.setChain([Negation()])
            }
        }
        let temporary = TemporaryFolder()
        try StateDict.write(network, to: temporary.path("x.safetensors"))
        #expect(
            try Safetensors(contentsOf: temporary.path("x.safetensors"))["fc2.weight"]
                == .float32(Tensor(shape: [2, 3], elements: [-1, -3, -5, -2, -4, -6])))
    }
}

/// `−value`
private struct Negation: Parametrization {
    static let kind = "negation"

    init() {}

    func apply(to value: Tensor, into effective: inout Tensor, threads: Int) {
        for index in 0..<value.count { effective[index] = -value[index] }
    }

    mutating func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor,
        threads: Int
    ) {
        apply(to: effectiveGradient, into: &valueGradient)
    }

    var state: SavedState { SavedState(kind: Self.kind) }
    init(state: SavedState) {}
}
