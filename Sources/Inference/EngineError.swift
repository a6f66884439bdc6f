public import PackedModel

/// Why a model can not be run, or not as asked for.
public enum EngineError: Error, Equatable {
    /// Where in a model something is wrong: its input, or the node with this name.
    public enum Place: Sendable, Equatable {
        case input
        case node(String)
    }

    case noNodes
    /// A shape of another number of sizes than expected, or with a size that is not positive or too large.
    case shape(Place, found: [Int], sizes: [Int])
    case inputCount(Place, found: Int, expected: ClosedRange<Int>)
    /// An input of another shape than the first one calls for.
    case inputShape(Place, found: [Int], expected: [Int])
    case unknownInput(Place, found: Int, highest: Int)
    /// A list of another length than the shape calls for.
    case count(Place, of: String, found: Int, expected: [Int])
    /// A number outside what the model format allows.
    case value(Place, of: String, found: Double)
    case weightPosition(Place, found: Int, count: Int)
    case window(Place, WindowSizes)
    /// A function that is not a clamp, or whose bounds are crossed, where only clamps may stand.
    case activation(Place, found: PackedActivation)
    /// A real-valued result in the middle of the network, or a quantized one at its end.
    case output(Place, isQuantized: Bool)
    /// A quantizer in a model in floats, or something that belongs to one in a model in integers.
    case arithmetic(Place, isFloat: Bool)
    /// A softmax of codes, or one that is not the last node.
    case softmax(Place)
    /// An accumulator of 32 bits could overflow.
    case accumulator(Place, output: Int, bound: Int, limit: Int)
    /// A multiplier or a constant does not fit the fixed-point rule; `index` counts the outputs of a
    /// layer, else the factors.
    case requantization(Place, index: Int, multiplier: Double, constant: Double)
    /// A run would need more bytes than an engine takes.
    case memory(needed: Int, limit: Int)
    case instructionSet(found: String, available: [String])
    case threads(found: Int)

    /// Sizes of a window that does not fit: one pair `[vertical, horizontal]` each.
    public struct WindowSizes: Sendable, Equatable {
        public var kernel, stride, padding, dilation, input: [Int]

        public init(
            kernel: [Int], stride: [Int], padding: [Int], dilation: [Int] = [1, 1], input: [Int]
        ) {
            self.kernel = kernel
            self.stride = stride
            self.padding = padding
            self.dilation = dilation
            self.input = input
        }
    }
}

extension EngineError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .noNodes:
            "the network has no nodes"
        case .shape(let place, let found, let sizes):
            "\(place): shape \(found); expected \(sizes) positive sizes, at most "
                + "\(CheckedModel.mostValues) values in all"
        case .inputCount(let place, let found, let expected):
            "\(place): reads \(found) inputs; expected "
                + (expected.count == 1
                    ? "\(expected.lowerBound)" : "\(expected.lowerBound)...\(expected.upperBound)")
        case .inputShape(let place, let found, let expected):
            "\(place): reads an input of shape \(found); expected \(expected)"
        case .unknownInput(let place, let found, let highest):
            "\(place): reads value \(found); values before it are 0...\(highest)"
        case .count(let place, let what, let found, let expected):
            "\(place): \(found) \(what); expected \(expected)"
        case .value(let place, let what, let found):
            "\(place): \(what) is \(found), which the format does not allow"
        case .weightPosition(let place, let found, let count):
            "\(place): a nonzero weight at \(found); the tensor has \(count) weights"
        case .window(let place, let sizes):
            "\(place): a window of \(sizes.kernel), stride \(sizes.stride), padding "
                + "\(sizes.padding), dilation \(sizes.dilation) does not fit an input of \(sizes.input)"
        case .activation(let place, let found):
            "\(place): the activation function is \(found); expected identity, ReLU or a clip with "
                + "its lower bound first"
        case .output(let place, let isQuantized):
            isQuantized
                ? "\(place): the network's last value must be real, but it is quantized"
                : "\(place): its result is real, so only flatten, reshape and softmax may follow, each "
                    + "reading the node before it"
        case .arithmetic(let place, let isFloat):
            isFloat
                ? "\(place): its result has a quantizer, but the network's input has none"
                : "\(place): its result or its weights are real, but the network's input is quantized"
        case .softmax(let place):
            "\(place): a softmax has to be the last node and to read a real value"
        case .accumulator(let place, let output, let bound, let limit):
            "\(place): the sum of output \(output) can reach \(bound); expected at most \(limit)"
        case .requantization(let place, let index, let multiplier, let constant):
            "\(place): factor \(index) is \(multiplier) and its constant \(constant), too large for "
                + "the fixed-point rule"
        case .memory(let needed, let limit):
            "a run needs \(needed) bytes of memory; expected at most \(limit)"
        case .instructionSet(let found, let available):
            "instruction set '\(found)' is not available here; available: "
                + available.joined(separator: ", ")
        case .threads(let found):
            "\(found) threads; expected 1...\(EngineOptions.mostThreads)"
        }
    }
}

extension EngineError.Place: CustomStringConvertible {
    public var description: String {
        switch self {
        case .input: "input"
        case .node(let name): "node '\(name)'"
        }
    }
}
