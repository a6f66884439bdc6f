import PackedModel

extension PackedModel {
    /// The same model without the channels that nobody reads, and with the others by descending number of
    /// their weights.
    ///
    /// Nobody reads outputs of layers behind which only zero weights stand, as pruning leaves them: they
    /// take weights, biases and scales, and change nothing. The order of the others is nobody's concern
    /// either: sorted ones need fewer bits to say which are dense, and the engine writes the sums of 16
    /// neighbours together.
    ///
    /// Results are the same to the bit. Channels that a sum, a product, a concatenation, a slice, a
    /// shuffle or a convolution in groups, but for a depthwise one, reads stay as they are, and so does
    /// everything in a model in floats, where a channel that nobody reads still widens the grid of its
    /// sample.
    package func arrangingChannels() -> PackedModel {
        guard !isFloat else { return self }
        let readers = ChannelReaders(self)
        var result = self
        // For each value, the channels that stay, in their new order, or `nil` for all as they are.
        var kept = [[Int]?](repeating: nil, count: nodes.count + 1)
        for (index, node) in nodes.enumerated() {
            let input = kept[node.inputs[0]]
            switch node.operation {
            case .linear(let layer):
                let outputs = readers.arranged(index + 1, by: layer.weights.nonzerosOfOutputs)
                // An image's channels are so many features each.
                let features = layer.weights.shape[1] / readers.count(node.inputs[0], of: layer)
                kept[index + 1] = outputs
                result.nodes[index].operation.layer = layer.keeping(
                    outputs: outputs, inputs: input.map { $0.spread(features) })
            case .convolution(let layer, let window) where window.groups == 1:
                let outputs = readers.arranged(index + 1, by: layer.weights.nonzerosOfOutputs)
                kept[index + 1] = outputs
                result.nodes[index].operation.layer = layer.keeping(outputs: outputs, inputs: input)
            case .convolution(let layer, var window) where readers.keepsChannels(node):
                kept[index + 1] = input
                guard let input else { continue }
                window.groups = input.count
                result.nodes[index].operation = .convolution(
                    layer.keeping(outputs: input, inputs: nil), window)
            case .flatten:
                kept[index + 1] = input.map {
                    $0.spread(readers.features(index + 1, of: node.inputs[0]))
                }
            case .reshape(var shape) where readers.keepsChannels(node):
                kept[index + 1] = input
                shape[0] = input?.count ?? shape[0]
                result.nodes[index].operation = .reshape(shape)
            default:
                kept[index + 1] = readers.keepsChannels(node) ? input : nil
            }
        }
        return result
    }
}

/// Which channels of each value of a model somebody reads.
private struct ChannelReaders {
    private enum Readers {
        case channels([Bool])
        case all

        /// `nil` for all.
        var marks: [Bool]? {
            if case .channels(let marks) = self { marks } else { nil }
        }
    }

    /// For each value; of a vector the features are the channels. `nil` where nobody reads anything.
    private var readers: [Readers?]
    /// How many channels each value has; `nil` for an image that has been flattened, which whoever
    /// reads it knows.
    private var counts: [Int?]

    init(_ model: PackedModel) {
        readers = Array(repeating: nil, count: model.nodes.count + 1)
        counts = [model.input.shape[0]]
        for node in model.nodes { counts.append(Self.count(node.operation, counts, node.inputs)) }
        readers[0] = .all
        readers[model.nodes.count] = .all
        for (index, node) in model.nodes.enumerated().reversed() {
            read(node, as: readers[index + 1] ?? .all)
        }
    }

    /// Those that stay, at least one; `nil` for all as they are.
    private func kept(_ value: Int) -> [Int]? {
        guard case .channels(let marks)? = readers[value] else { return nil }
        let kept = marks.indices.filter { marks[$0] }
        return kept.isEmpty ? [0] : kept
    }

    /// The same, those first for which there is most to count.
    func arranged(_ value: Int, by counts: [Int]) -> [Int]? {
        kept(value).map { $0.sorted { (counts[$1], $0) < (counts[$0], $1) } }
    }

    /// How many channels a value has that a linear layer reads.
    func count(_ value: Int, of layer: PackedLayer) -> Int {
        counts[value] ?? layer.weights.shape[1]
    }

    /// How many features of a flattened value a channel of the image has been.
    func features(_ flattened: Int, of image: Int) -> Int {
        guard case .channels(let marks)? = readers[flattened], let count = counts[image] else {
            return 1
        }
        return marks.count / count
    }

    /// Whether each channel of the output is made of the same one of the input alone.
    func keepsChannels(_ node: PackedNode) -> Bool {
        let count = counts[node.inputs[0]]
        switch node.operation {
        case .convolution(let layer, let window):
            return window.groups == count && layer.weights.shape[0] == count
        case .reshape(let shape): return shape[0] == count ?? shape.reduce(1, *)
        case .maxPooling, .averagePooling, .function, .padding: return true
        default: return false
        }
    }

    private static func count(
        _ operation: PackedOperation, _ counts: [Int?], _ inputs: [Int]
    ) -> Int? {
        switch operation {
        case .linear(let layer), .convolution(let layer, _): layer.weights.shape[0]
        case .flatten: nil
        case .reshape(let shape): shape[0]
        case .slice(let channels): channels.count
        case .concatenation:
            inputs.reduce(0) { sum, input in sum.flatMap { sum in counts[input].map { sum + $0 } } }
        default: counts[inputs[0]]
        }
    }

    /// Marks what a node reads of its inputs, whose output is read like that.
    private mutating func read(_ node: PackedNode, as output: Readers) {
        let input = node.inputs[0]
        switch node.operation {
        case .linear(let layer):
            let marks = layer.weights.inputsRead(by: output.marks)
            add(.channels(marks.joined(into: count(input, of: layer))), to: input)
        case .convolution(let layer, let window) where window.groups == 1:
            add(.channels(layer.weights.inputsRead(by: output.marks)), to: input)
        case .flatten:
            guard case .channels(let marks) = output, let count = counts[input] else {
                return add(.all, to: input)
            }
            add(.channels(marks.joined(into: count)), to: input)
        default:
            let reading = keepsChannels(node) ? output : .all
            for input in node.inputs { add(reading, to: input) }
        }
    }

    private mutating func add(_ reading: Readers, to value: Int) {
        switch (readers[value], reading) {
        case (nil, _): readers[value] = reading
        case (.channels(let marks)?, .channels(let others)):
            readers[value] = .channels(zip(marks, others).map { $0 || $1 })
        default: readers[value] = .all
        }
    }
}

extension PackedLayer {
    /// With some of the outputs and, of all that they read, some of the channels, in a new order; `nil`
    /// for all as they are.
    fileprivate func keeping(outputs: [Int]?, inputs: [Int]?) -> PackedLayer {
        guard outputs != nil || inputs != nil else { return self }
        var result = self
        result.weights = weights.keeping(outputs: outputs, inputs: inputs)
        if let outputs { result.bias.codes = outputs.map { bias.codes[$0] } }
        return result
    }
}

extension PackedTensor {
    /// Weights of one output for one channel.
    private var taps: Int { shape[2...].reduce(1, *) }

    /// Which of the channels (`shape[1]`) weights that are not zero stand for, in those outputs that
    /// are marked; `nil` for all outputs.
    fileprivate func inputsRead(by outputs: [Bool]?) -> [Bool] {
        var marks = [Bool](repeating: false, count: shape[1])
        forEachNonzero { _, output, input, _ in
            if outputs?[output] ?? true { marks[input] = true }
        }
        return marks
    }

    fileprivate func keeping(outputs: [Int]?, inputs: [Int]?) -> PackedTensor {
        let newOutputs = outputs.map { $0.places(of: shape[0]) }
        let newInputs = inputs.map { $0.places(of: shape[1]) }
        var result = self
        result.shape[0] = outputs?.count ?? shape[0]
        result.shape[1] = inputs?.count ?? shape[1]
        if let outputs, scales.count > 1 { result.scales = outputs.map { scales[$0] } }
        var weights: [(position: Int, code: UInt8)] = []
        weights.reserveCapacity(gaps.count)
        forEachNonzero { index, output, input, tap in
            guard let output = newOutputs.map({ $0[output] }) ?? output,
                let input = newInputs.map({ $0[input] }) ?? input
            else { return }
            weights.append(((output * result.shape[1] + input) * taps + tap, codes[index]))
        }
        weights.sort { $0.position < $1.position }
        result.codes = weights.map(\.code)
        var next = 0
        result.gaps = weights.map { weight in
            defer { next = weight.position + 1 }
            return UInt32(weight.position - next)
        }
        return result
    }

    fileprivate var nonzerosOfOutputs: [Int] {
        var counts = [Int](repeating: 0, count: shape[0])
        forEachNonzero { _, output, _, _ in counts[output] += 1 }
        return counts
    }

    private func forEachNonzero(
        _ visit: (_ index: Int, _ output: Int, _ input: Int, _ tap: Int) -> Void
    ) {
        var position = 0
        let (taps, inner) = (taps, shape[1...].reduce(1, *))
        for (index, gap) in gaps.enumerated() {
            position += Int(gap)
            let place = position % inner
            visit(index, position / inner, place / taps, place % taps)
            position += 1
        }
    }
}

extension [Int] {
    /// The features of channels of `count` features each.
    fileprivate func spread(_ count: Int) -> [Int] {
        flatMap { $0 * count..<($0 + 1) * count }
    }

    /// For each of `count` numbers its place in this list; `nil` for those that are not in it.
    fileprivate func places(of count: Int) -> [Int?] {
        var places = [Int?](repeating: nil, count: count)
        for (place, number) in enumerated() { places[number] = place }
        return places
    }
}

extension [Bool] {
    /// Whether any of the marks is set, for each of `count` groups of neighbours.
    fileprivate func joined(into count: Int) -> [Bool] {
        let size = self.count / count
        return (0..<count).map { self[$0 * size..<($0 + 1) * size].contains(true) }
    }
}
