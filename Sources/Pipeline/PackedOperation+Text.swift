import PackedModel

/// One line for people: what a node computes, without its weights and grids.
extension PackedOperation: CustomStringConvertible {
    public var description: String {
        let (words, activation): (String, PackedActivation?) =
            switch self {
            case .linear(let layer): ("linear \(layer.weights.shape)", layer.activation)
            case .convolution(let layer, let window):
                ("convolution \(layer.weights.shape)\(window.text)", layer.activation)
            case .maxPooling(let window): ("max pooling \(window.kernel)\(window.text)", nil)
            case .averagePooling(let window, _):
                ("average pooling \(window.kernel)\(window.text)", nil)
            case .flatten: ("flatten", nil)
            case .reshape(let shape): ("reshape to \(shape)", nil)
            case .add(let activation, _): ("add", activation)
            case .multiply: ("multiply", nil)
            case .concatenation: ("concatenate channels", nil)
            case .slice(let range): ("channels \(range.lowerBound)...\(range.upperBound - 1)", nil)
            case .channelShuffle(let groups): ("shuffle channels of \(groups) groups", nil)
            case .padding(let sizes): ("pad \(sizes) [top, left, bottom, right]", nil)
            case .function(.identity, _): ("to another grid", nil)
            case .function(let activation, _): ("\(activation)", nil)
            case .softmax: ("softmax", nil)
            }
        guard let activation, activation != .identity else { return words }
        return "\(words), \(activation)"
    }

    /// The grid that the node brings its values to, if it has one of its own.
    var output: PackedQuantizer? {
        switch self {
        case .linear(let layer), .convolution(let layer, _): layer.output
        case .averagePooling(_, let output), .add(_, let output), .multiply(let output),
            .concatenation(let output), .function(_, let output):
            output
        case .maxPooling, .flatten, .reshape, .slice, .channelShuffle, .padding, .softmax: nil
        }
    }
}

extension PackedWindow {
    /// How it moves; padding, dilation and groups only where there are any.
    fileprivate var text: String {
        var text = ", stride \(stride)"
        if padding != [0, 0] { text += ", padding \(padding)" }
        if dilation != [1, 1] { text += ", dilation \(dilation)" }
        if groups != 1 { text += ", \(groups) groups" }
        return text
    }
}

extension PackedActivation: CustomStringConvertible {
    public var description: String {
        switch self {
        case .identity: "identity"
        case .relu: "relu"
        case .clip(0, 6): "relu6"
        case .clip(let lowest, let highest): "clip to \(lowest)...\(highest)"
        case .leakyReLU(let slope): "leaky relu, slope \(slope)"
        case .sigmoid: "sigmoid"
        case .hardSigmoid: "hard-sigmoid"
        case .silu: "silu"
        case .hardSwish: "hard-swish"
        }
    }
}
