import PackedModel

/// The numbers of operations in a file.
enum OperationKind: Int {
    case linear = 1
    case convolution, maxPooling, flatten
    // From here on version 2.
    /// A convolution with dilation or groups.
    case generalConvolution
    case averagePooling, reshape, add, multiply, concatenation, slice, channelShuffle, padding
    case function, softmax

    /// How many inputs a node has.
    var inputCounts: ClosedRange<Int> {
        switch self {
        case .add, .concatenation: 2...Limits.inputs
        case .multiply: 2...2
        default: 1...1
        }
    }

    /// Whether the network's real-valued output may be read.
    var readsRealValues: Bool {
        switch self {
        case .flatten, .reshape, .softmax: true
        default: false
        }
    }
}

extension PackedOperation {
    var kind: OperationKind {
        switch self {
        case .linear: .linear
        case .convolution(_, let window):
            window.dilation == [1, 1] && window.groups == 1 ? .convolution : .generalConvolution
        case .maxPooling: .maxPooling
        case .averagePooling: .averagePooling
        case .flatten: .flatten
        case .reshape: .reshape
        case .add: .add
        case .multiply: .multiply
        case .concatenation: .concatenation
        case .slice: .slice
        case .channelShuffle: .channelShuffle
        case .padding: .padding
        case .function: .function
        case .softmax: .softmax
        }
    }

    /// The quantizer that an operation without weights names: none for one that moves values, and
    /// `.some(nil)` for one that computes real ones.
    var ownQuantizer: PackedQuantizer?? {
        switch self {
        case .averagePooling(_, let output), .add(_, let output), .multiply(let output),
            .concatenation(let output), .function(_, let output):
            .some(output)
        default: nil
        }
    }
}

extension PackedActivation {
    /// The number of the function in a file.
    var number: Int {
        switch self {
        case .identity: 0
        case .relu: 1
        case .clip: 2
        case .leakyReLU: 3
        case .sigmoid: 4
        case .hardSigmoid: 5
        case .silu: 6
        case .hardSwish: 7
        }
    }

    /// The largest number of a function that is a clamp: what layers and sums may have.
    static let largestClamp = 2
    static let largest = 7

    /// The numbers behind that of the function.
    var parameters: [Float] {
        switch self {
        case .clip(let lowest, let highest): [lowest, highest]
        case .leakyReLU(let slope): [slope]
        default: []
        }
    }

    static func parameterCount(_ number: Int) -> Int { number == 2 ? 2 : number == 3 ? 1 : 0 }

    /// The function of a number 0...7 and as many parameters as it has.
    init(number: Int, parameters: [Float]) {
        switch number {
        case 0: self = .identity
        case 1: self = .relu
        case 2: self = .clip(lowest: parameters[0], highest: parameters[1])
        case 3: self = .leakyReLU(slope: parameters[0])
        case 4: self = .sigmoid
        case 5: self = .hardSigmoid
        case 6: self = .silu
        default: self = .hardSwish
        }
    }
}
