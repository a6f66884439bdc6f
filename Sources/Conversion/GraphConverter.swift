import Networks
import PackedModel
import Quantization
import Tensors

/// Walks a network in order and collects the nodes of the packed model.
///
/// What a layer, a sum or a mean computes stays *open* until the quantizer of its results is met:
/// until then batch normalization and clamps may still become part of it.
///
/// A network in floats has no such quantizers. There a function that no layer absorbs is a node of its own,
/// and layers with integer weights read what a `DynamicQuantizer` has rounded, which they do themselves.
struct GraphConverter {
    private let network: Network
    private let isFloat: Bool
    private(set) var inputQuantizer: PackedQuantizer?
    private var drafts: [Draft] = []
    /// What each value of the network (0 is the input) has become.
    private var values = [Value(packed: 0, owner: nil, isQuantized: false, isExclusive: true)]
    /// How many read each value of the network; the user reads the last one.
    private let uses: [Int]

    /// A node of the packed model in the making.
    private struct Draft {
        enum Kind {
            /// A convolution, or without a window a linear layer.
            case layer(Weights, bias: Parameter?, BatchNormalization?, PackedWindow?)
            case add, multiply, concatenation
            case averagePooling(PackedWindow)
            case function(PackedActivation)
            /// It passes on the quantizer of what it reads.
            case moves(PackedOperation)
        }

        enum Weights {
            case parameter(Parameter)
            /// One weight of 1 for each channel.
            case identity(channels: Int)
        }

        let name: String
        let inputs: [Int]
        var kind: Kind
        var activation = PackedActivation.identity
        var output: PackedQuantizer?
        /// In a network in floats, whether what it reads has been rounded at run time.
        var readsDynamicCodes = false

        /// Whether a clamp may still become part of it.
        var takesClamp: Bool {
            guard output == nil, activation == .identity else { return false }
            switch kind {
            case .layer, .add: return true
            default: return false
            }
        }

        var isLayer: Bool {
            if case .layer = kind { return true }
            return false
        }
    }

    /// A value of the network.
    private struct Value {
        /// The value of the packed model that it is.
        var packed: Int
        /// Which draft computed it, moves left out; `nil` for the input.
        var owner: Int?
        /// Whether it has been rounded to the grid of its packed value.
        var isQuantized: Bool
        /// Whether nobody else reads what it was made of, back to the owner.
        var isExclusive: Bool
    }

    init(_ network: Network) {
        self.network = network
        isFloat = network.isFloat
        var uses = network.readers.map(\.count)
        uses[network.nodes.count] += 1
        self.uses = uses
    }

    // MARK: Nodes

    mutating func convert(_ index: Int) throws(ConversionError) {
        let node = network.nodes[index]
        switch node.layer {
        case let layer as Linear:
            try append(
                node, .layer(.parameter(layer.weight), bias: layer.bias, nil, nil))
        case let layer as Convolution:
            let g = layer.geometry
            let window = PackedWindow(
                kernel: g.kernel, stride: g.stride, padding: g.padding, dilation: g.dilation,
                groups: g.groups)
            try append(
                node, .layer(.parameter(layer.weight), bias: layer.bias, nil, window))
        case let layer as BatchNormalization:
            try normalize(node, layer)
        case let layer as Activation:
            try activate(node, layer.function)
        case let layer as Add:
            try append(node, .add)
            drafts[drafts.count - 1].activation = try clamp(layer.activation, of: node)
        case is Multiply: try append(node, .multiply)
        case is Concatenation: try append(node, .concatenation)
        case let layer as AveragePooling:
            let window = PackedWindow(
                kernel: layer.kernel, stride: layer.stride, padding: layer.padding)
            try append(node, .averagePooling(window))
        case is GlobalAveragePooling:
            let shape = shape(of: node.inputs[0])
            let window = PackedWindow(kernel: Array(shape[..<2]), stride: [1, 1])
            try append(node, .averagePooling(window))
        case let quantizer as any UniformActivationQuantizer:
            try quantize(node, PackedQuantizer(quantizer))
        case is Dropout: values.append(passedOn(node))
        case is DynamicQuantizer:
            var value = passedOn(node)
            value.isQuantized = true
            values.append(value)
        case is Softmax where index + 1 < network.nodes.count:
            throw .unsupported(layer: node.name, "softmax before the last layer")
        default:
            guard let operation = move(node) else {
                throw .unsupported(layer: node.name, type(of: node.layer).kind)
            }
            move(node, operation)
        }
    }

    /// The operation of a layer that only moves codes.
    private func move(_ node: Network.Node) -> PackedOperation? {
        switch node.layer {
        case let layer as MaxPooling:
            .maxPooling(
                PackedWindow(kernel: layer.kernel, stride: layer.stride, padding: layer.padding))
        case is Flatten: .flatten
        case let layer as Reshape: .reshape(channelsFirst(layer.shape))
        case let layer as Slice: .slice(layer.channels)
        case let layer as ChannelShuffle: .channelShuffle(groups: layer.groups)
        case let layer as Padding: .padding([layer.top, layer.left, layer.bottom, layer.right])
        case is Softmax: .softmax
        default: nil
        }
    }

    /// A node that computes from codes.
    private mutating func append(_ node: Network.Node, _ kind: Draft.Kind) throws(ConversionError) {
        for input in node.inputs { try requireCodes(values[input]) }
        let inputs = node.inputs.map { values[$0].packed }
        var draft = Draft(name: node.name, inputs: inputs, kind: kind)
        draft.readsDynamicCodes = isFloat && values[node.inputs[0]].isQuantized
        append(draft)
    }

    private mutating func append(_ draft: Draft) {
        drafts.append(draft)
        values.append(
            Value(
                packed: drafts.count, owner: drafts.count - 1, isQuantized: draft.output != nil,
                isExclusive: true))
    }

    private mutating func move(_ node: Network.Node, _ operation: PackedOperation) {
        var value = passedOn(node)
        drafts.append(Draft(name: node.name, inputs: [value.packed], kind: .moves(operation)))
        value.packed = drafts.count
        values.append(value)
    }

    /// The value that a node reads, as the value of the node.
    private func passedOn(_ node: Network.Node) -> Value {
        var value = values[node.inputs[0]]
        value.isExclusive = value.isExclusive && uses[node.inputs[0]] == 1
        return value
    }

    private func requireCodes(_ value: Value) throws(ConversionError) {
        if value.isQuantized || isFloat { return }
        throw notQuantized(value.owner)
    }

    private func notQuantized(_ owner: Int?) -> ConversionError {
        guard let owner else { return .notQuantized(layer: "input", what: "values") }
        return .notQuantized(layer: drafts[owner].name, what: "results")
    }

    private func shape(of value: Int) -> [Int] {
        value == 0 ? network.inputShape : network.shapes[value - 1]
    }

    // MARK: What becomes part of a node

    /// Folds batch normalization into the layer before it; elsewhere it becomes a convolution with
    /// one weight a channel.
    private mutating func normalize(
        _ node: Network.Node, _ layer: BatchNormalization
    ) throws(ConversionError) {
        let value = passedOn(node)
        let activation = try clamp(layer.activation, of: node)
        if !value.isQuantized, value.isExclusive, let owner = value.owner,
            value.packed == owner + 1, drafts[owner].takesClamp,
            case .layer(let weights, let bias, nil, let window) = drafts[owner].kind
        {
            drafts[owner].kind = .layer(weights, bias: bias, layer, window)
            drafts[owner].activation = activation
            values.append(value)
            return
        }
        try requireCodes(value)
        let isVector = shape(of: node.inputs[0]).count == 1
        var source = value.packed
        if isVector {
            drafts.append(
                Draft(
                    name: node.name + "-image", inputs: [source],
                    kind: .moves(.reshape([layer.channels, 1, 1]))))
            source = drafts.count
        }
        drafts.append(
            Draft(
                name: node.name, inputs: [source], kind: Self.scaling(layer.channels, layer),
                activation: activation))
        let owner = drafts.count - 1
        if isVector {
            drafts.append(
                Draft(
                    name: node.name + "-vector", inputs: [drafts.count], kind: .moves(.flatten)))
        }
        values.append(
            Value(
                packed: drafts.count, owner: owner, isQuantized: false, isExclusive: true))
    }

    /// A convolution that scales each channel by itself, or does nothing.
    private static func scaling(
        _ channels: Int, _ normalization: BatchNormalization?
    ) -> Draft.Kind {
        .layer(
            .identity(channels: channels), bias: nil, normalization,
            PackedWindow(kernel: [1, 1], stride: [1, 1], groups: channels))
    }

    private func clamp(
        _ function: ActivationFunction, of node: Network.Node
    ) throws(ConversionError) -> PackedActivation {
        guard function.isClamp else {
            throw .notQuantized(layer: node.name, what: "values before its activation function")
        }
        return PackedActivation(function)
    }

    /// Makes a clamp part of the node that makes its input; everything else becomes a table.
    private mutating func activate(
        _ node: Network.Node, _ function: ActivationFunction
    ) throws(ConversionError) {
        let value = passedOn(node)
        if function == .identity {
            values.append(value)
        } else if isFloat {
            try activateReal(node, function, value)
        } else if value.isQuantized {
            try append(node, .function(PackedActivation(function)))
        } else if !function.isClamp {
            throw notQuantized(value.owner)
        } else {
            guard let owner = value.owner else {
                throw .unsupported(layer: node.name, "activation on the input")
            }
            guard value.isExclusive else {
                throw .unsupported(layer: node.name, "activation on a shared value")
            }
            guard drafts[owner].takesClamp else { throw notQuantized(owner) }
            // The clamp would come before the border that it applies to as well.
            if case .clip(let lowest, let highest) = function, lowest > 0 || highest < 0,
                hasPadding(behind: owner, before: value)
            {
                throw .unsupported(
                    layer: node.name, "padding with zeros in front of a clip that changes zeros")
            }
            drafts[owner].activation = PackedActivation(function)
            values.append(value)
        }
    }

    /// Whether a value that one node passes to the next has got a border since its owner made it.
    private func hasPadding(behind owner: Int, before value: Value) -> Bool {
        var packed = value.packed
        while packed > owner + 1 {
            let draft = drafts[packed - 1]
            if case .moves(.padding) = draft.kind { return true }
            packed = draft.inputs[0]
        }
        return false
    }

    /// The same of real values: whatever can not become part of another node is one of its own.
    private mutating func activateReal(
        _ node: Network.Node, _ function: ActivationFunction, _ value: Value
    ) throws(ConversionError) {
        guard function.isClamp, value.isExclusive, let owner = value.owner,
            value.packed == owner + 1, drafts[owner].takesClamp
        else { return try append(node, .function(PackedActivation(function))) }
        drafts[owner].activation = PackedActivation(function)
        values.append(value)
    }

    /// Gives an open node its quantizer; codes are brought to another grid by a table.
    private mutating func quantize(
        _ node: Network.Node, _ quantizer: PackedQuantizer
    ) throws(ConversionError) {
        var value = values[node.inputs[0]]
        guard !value.isQuantized else {
            let draft = Draft(
                name: node.name, inputs: [value.packed], kind: .function(.identity),
                output: quantizer)
            append(draft)
            return
        }
        if let owner = value.owner {
            guard drafts[owner].output == nil || drafts[owner].output == quantizer else {
                throw .unsupported(
                    layer: node.name, "a second quantizer of the results of '\(drafts[owner].name)'"
                )
            }
            drafts[owner].output = quantizer
        } else {
            guard inputQuantizer == nil || inputQuantizer == quantizer else {
                throw .unsupported(layer: node.name, "a second quantizer of the input")
            }
            inputQuantizer = quantizer
        }
        value.isQuantized = true
        value.isExclusive = false
        values.append(value)
    }

    // MARK: The end

    /// The nodes of the packed model. The output is real: behind a result that is not a layer's there
    /// is put one that turns codes into numbers.
    mutating func finish() throws(ConversionError) -> [PackedNode] {
        if isFloat { return try realNodes() }
        let last = values[values.count - 1]
        if !last.isQuantized {
            guard let owner = last.owner, drafts[owner].isLayer, drafts[owner].output == nil else {
                throw notQuantized(last.owner)
            }
            try requireRealTail(behind: owner)
        } else if last.packed == 0 || !drafts[last.packed - 1].isLayer {
            appendRealOutput(last)
        }
        let output = last.isQuantized ? realOutput : last.owner
        var nodes: [PackedNode] = []
        for (index, draft) in drafts.enumerated() {
            let operation = try operation(of: draft, isOutput: index == output)
            nodes.append(
                PackedNode(name: draft.name, inputs: draft.inputs, operation: operation))
        }
        return nodes
    }

    private func realNodes() throws(ConversionError) -> [PackedNode] {
        var nodes: [PackedNode] = []
        for draft in drafts {
            let operation = try operation(of: draft, isOutput: true)
            nodes.append(
                PackedNode(name: draft.name, inputs: draft.inputs, operation: operation))
        }
        return nodes
    }

    /// Behind the layer with the real result there is nothing but new shapes and a softmax.
    private func requireRealTail(behind owner: Int) throws(ConversionError) {
        for draft in drafts[(owner + 1)...] {
            switch draft.kind {
            case .moves(.flatten), .moves(.reshape), .moves(.softmax): continue
            default: throw notQuantized(owner)
            }
        }
    }

    private mutating func appendRealOutput(_ last: Value) {
        var source = last.packed
        var softmax: Draft?
        if source > 0, case .moves(.softmax) = drafts[source - 1].kind {
            softmax = drafts.removeLast()
            source = softmax!.inputs[0]
        }
        let shape = channelsFirst(shape(of: network.nodes.count))
        let name = network.nodes[network.nodes.count - 1].name + "-real"
        if shape.count == 1 {
            drafts.append(
                Draft(
                    name: name + "-image", inputs: [source],
                    kind: .moves(.reshape([shape[0], 1, 1]))))
            source = drafts.count
        }
        drafts.append(Draft(name: name, inputs: [source], kind: Self.scaling(shape[0], nil)))
        realOutput = drafts.count - 1
        if shape.count == 1 {
            drafts.append(
                Draft(
                    name: name + "-vector", inputs: [drafts.count], kind: .moves(.flatten)))
        }
        if let softmax {
            drafts.append(
                Draft(name: softmax.name, inputs: [drafts.count], kind: softmax.kind))
        }
    }

    /// The layer that was put at the end to turn codes into numbers.
    private var realOutput: Int?

    private func operation(
        of draft: Draft, isOutput: Bool
    ) throws(ConversionError) -> PackedOperation {
        if case .moves(let operation) = draft.kind { return operation }
        if case .layer(let weights, let bias, let normalization, let window) = draft.kind {
            let layer = try layer(draft, weights, bias, normalization)
            guard isOutput || layer.output != nil else {
                throw .notQuantized(layer: draft.name, what: "results")
            }
            return window.map { .convolution(layer, $0) } ?? .linear(layer)
        }
        let output = draft.output
        guard output != nil || isFloat else {
            throw .notQuantized(layer: draft.name, what: "results")
        }
        switch draft.kind {
        case .add: return .add(draft.activation, output: output)
        case .multiply: return .multiply(output: output)
        case .concatenation: return .concatenation(output: output)
        case .averagePooling(let window): return .averagePooling(window, output: output)
        case .function(let function): return .function(function, output: output)
        case .layer, .moves: preconditionFailure("'\(draft.name)' has been dealt with")
        }
    }

    private func layer(
        _ draft: Draft, _ weights: Draft.Weights, _ bias: Parameter?,
        _ normalization: BatchNormalization?
    ) throws(ConversionError) -> PackedLayer {
        if let bias, normalization == nil, bias.parametrization(BiasQuantizer.self) == nil {
            throw .notQuantized(layer: draft.name, what: "bias")
        }
        func folded(_ weights: some StoredWeights) throws(ConversionError) -> FoldedLayer {
            try FoldedLayer(weights, bias: bias, normalization: normalization, name: draft.name)
        }
        let layer: FoldedLayer
        switch weights {
        case .parameter(let weight) where weight.parametrization(HalfRounding.self) != nil:
            layer = try folded(HalfWeights(weight, layer: draft.name))
        case .parameter(let weight):
            layer = try folded(IntegerWeights(weight, layer: draft.name))
            if isFloat, !draft.readsDynamicCodes {
                throw .notQuantized(layer: draft.name, what: "values that it reads")
            }
        case .identity(let channels) where isFloat:
            layer = try folded(HalfWeights(identityOf: channels))
        case .identity(let channels):
            layer = try folded(IntegerWeights(identityOf: channels))
        }
        return PackedLayer(
            weights: layer.weights, bias: layer.bias, activation: draft.activation,
            output: draft.output)
    }
}
