import PackedModel

/// Additions that a layer does on its way: the later of the two inputs, if only the addition reads it.
struct ResidualSums {
    private var layers: [Int: Int] = [:]
    private var additions: [Int: Int] = [:]
    private let checked: CheckedModel

    init(_ checked: CheckedModel, rules: [PackedRule?]) {
        self.checked = checked
        let readers = checked.readers
        for layer in checked.model.nodes.indices where checked.weights[layer] != nil {
            guard readers[layer + 1].count == 1, let node = readers[layer + 1].first,
                case .addition(_, _, _, _?)? = rules[node],
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
}

extension CheckedModel {
    /// The nodes that read each value, one as often as it does.
    var readers: [[Int]] {
        var readers = [[Int]](repeating: [], count: values.count)
        for (index, node) in model.nodes.enumerated() {
            for value in node.inputs { readers[value].append(index) }
        }
        return readers
    }
}
