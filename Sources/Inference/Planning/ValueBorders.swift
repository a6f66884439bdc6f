import PackedModel

/// Which values are kept with a border (``Border``): those that convolutions read with padding and
/// without stride, and those that are read or added on the way to them.
///
/// Without it every such convolution reads a bordered copy of its input, and every layer whose rows lie
/// apart leaves out the places between them. What can not read a border, such as a concatenation, gets a
/// copy without one.
struct ValueBorders {
    /// One for each value, the input first.
    private(set) var ofValues: [Border?]
    /// One for each node: how a convolution reads its input.
    private(set) var ofReading: [Border?]
    /// One for each node: how a layer lays down its result, or the sum that it adds to.
    private(set) var ofWriting: [Border?]

    private let checked: CheckedModel
    /// The nodes that read each value.
    private let readers: [[Int]]
    /// Paddings that readers of each value want.
    private var wanted: [Set<Int>]

    init(_ checked: CheckedModel, rules: [PackedRule?]) {
        self.checked = checked
        ofValues = checked.values.map { _ in nil }
        ofReading = checked.model.nodes.map { _ in nil }
        ofWriting = ofReading
        wanted = checked.values.map { _ in [] }
        readers = checked.readers
        let sums = ResidualSums(checked, rules: rules)
        for index in checked.model.nodes.indices.reversed() {
            if let layer = sums.layer(ofAddition: index) {
                guard let border = border(of: index + 1, by: layer, isSum: true) else { continue }
                ofValues[index + 1] = border
                ofWriting[layer] = border
                wanted[sums.other(of: index)].insert(border.padding)
            } else if sums.addition(ofLayer: index) == nil {
                ofValues[index + 1] = border(of: index + 1, by: index, isSum: false)
                ofWriting[index] = ofValues[index + 1]
            }
            read(by: index)
        }
        for index in checked.model.nodes.indices {
            if isPointwise(index), ofReading[index] == nil {
                ofReading[index] = ofValues[checked.model.nodes[index].inputs[0]]
            }
            // What copies its input takes it with any border.
            if let border = ofReading[index], ofWriting[index] == nil,
                sums.addition(ofLayer: index) == nil, checked.values[index + 1].quantizer != nil,
                readers[index + 1].allSatisfy({ readsAnyBorder($0) })
            {
                ofWriting[index] = border
                ofValues[index + 1] = border
            }
        }
    }

    /// The border that a layer's result gets.
    private func border(of value: Int, by layer: Int, isSum: Bool) -> Border? {
        let keepsOwn = isSum && wanted[value].isEmpty && readers[value].allSatisfy(readsAnyBorder)
        let padding = keepsOwn ? ownPadding(layer) : wanted[value].first
        guard let padding, wanted[value].count <= 1, canWrite(layer, padding: padding) else {
            return nil
        }
        let planes = checked.values[value].planes
        return Border(padding: padding, height: planes.height, width: planes.width)
    }

    /// Notes what a node wants of its input.
    private mutating func read(by index: Int) {
        let input = checked.model.nodes[index].inputs[0]
        let planes = checked.values[input].planes
        if let padding = samePadding(index) {
            ofReading[index] = Border(
                padding: padding, height: planes.height, width: planes.width)
            if ofReading[index] != nil { wanted[input].insert(padding) }
        } else if let border = ofWriting[index], isPointwise(index) {
            ofReading[index] = border
            wanted[input].insert(border.padding)
        }
    }

    // MARK: Kinds of convolutions

    /// The window of a convolution over planes that may read and write a border.
    private func window(_ index: Int) -> PackedWindow? {
        guard case .convolution(_, let window) = checked.model.nodes[index].operation,
            !checked.readsWholeInput(index),
            window.groups == 1 || window.groups != checked.input(of: index).planes.channels
        else { return nil }
        return window
    }

    /// The padding of a convolution whose result has the size of its input.
    private func samePadding(_ index: Int) -> Int? {
        guard let window = window(index), window.stride == [1, 1] else { return nil }
        let padding = window.padding[0]
        let fits = (0..<2).allSatisfy {
            window.padding[$0] == padding
                && window.dilation[$0] * (window.kernel[$0] - 1) == 2 * padding
        }
        return fits && padding > 0 ? padding : nil
    }

    private func isPointwise(_ index: Int) -> Bool {
        guard let window = window(index) else { return false }
        return window.kernel == [1, 1] && window.stride == [1, 1] && window.padding == [0, 0]
    }

    /// Whether a node takes values with any border: layers that copy them by phases or are pointwise,
    /// maximum pooling, and means of whole planes.
    private func readsAnyBorder(_ index: Int) -> Bool {
        if case .averagePooling(let window, _) = checked.model.nodes[index].operation {
            let input = checked.input(of: index).planes
            return window.kernel == [input.height, input.width] && window.padding == [0, 0]
        }
        return isMaxPooling(index) || isPointwise(index)
            || (window(index)?.stride ?? [1, 1]) != [1, 1]
    }

    private func isMaxPooling(_ index: Int) -> Bool {
        if case .maxPooling = checked.model.nodes[index].operation { true } else { false }
    }

    /// Whether the rows of a layer lie so far apart as a border wants them, or can be made to.
    private func canWrite(_ index: Int, padding: Int) -> Bool {
        if isMaxPooling(index) { return true }
        guard let window = window(index), checked.values[index + 1].quantizer != nil else {
            return false
        }
        if isPointwise(index) { return true }
        if let same = samePadding(index) { return same == padding }
        return window.stride[1] > 1 && ownPadding(index).map { $0 <= padding } ?? false
    }

    /// What stands between the rows of a layer of itself.
    private func ownPadding(_ index: Int) -> Int? {
        guard let window = window(index) else { return nil }
        if let padding = samePadding(index) { return padding }
        let (input, output) = (checked.input(of: index).planes, checked.values[index + 1].planes)
        if window.stride[1] > 1 {
            let width = roundedUp(input.width + 2 * window.padding[1], to: window.stride[1])
            return width / window.stride[1] - output.width
        }
        // A pointwise layer reads what it finds.
        let source = checked.model.nodes[index].inputs[0] - 1
        guard isPointwise(index), source >= 0, !isPointwise(source) else { return nil }
        return ownPadding(source).flatMap { $0 > 0 ? $0 : nil }
    }
}
