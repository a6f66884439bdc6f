import PackedModel

/// Additions that a layer does on its way: the later of the two inputs, if only the addition reads it.
struct ResidualSums {
    private var layers: [Int: Int] = [:]
    private var additions: [Int: Int] = [:]
    private let checked: CheckedModel

    init(_ checked: CheckedModel, rules: [PackedRule?]) {
        self.checked = checked
        let onlyReaders = Self.onlyReaders(checked)
        for layer in checked.model.nodes.indices where checked.weights[layer] != nil {
            guard let node = onlyReaders[layer + 1], case .addition(_, _, _, _?)? = rules[node],
                checked.model.nodes[node].inputs.allSatisfy({ $0 <= layer + 1 })
            else { continue }
            layers[node] = layer
            additions[layer] = node
        }
    }

    /// The layer that does an addition.
    func layer(ofAddition node: Int) -> Int? { layers[node] }

    /// The addition that a layer does.
    func addition(ofLayer layer: Int) -> Int? { additions[layer] }

    /// Which input of an addition is the layer's, 0 or 1.
    func own(of node: Int) -> Int {
        checked.model.nodes[node].inputs[0] == layers[node]! + 1 ? 0 : 1
    }

    /// The value that is added.
    func other(of node: Int) -> Int { checked.model.nodes[node].inputs[1 - own(of: node)] }

    /// The node that reads each value, if it is the only one.
    private static func onlyReaders(_ checked: CheckedModel) -> [Int?] {
        var readers = [Int?](repeating: nil, count: checked.values.count)
        var counts = [Int](repeating: 0, count: checked.values.count)
        for (index, node) in checked.model.nodes.enumerated() {
            for value in node.inputs {
                readers[value] = index
                counts[value] += 1
            }
        }
        return zip(readers, counts).map { $1 == 1 ? $0 : nil }
    }
}
