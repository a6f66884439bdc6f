/// Names for layers that people write in pipeline files: those of PyTorch's modules where the file
/// shows them.
///
///     weight 'layer1.0.conv1.weight'         layer1.0.conv1
///     node '/layer1/layer1.0/relu/Relu'      layer1.0.relu
///     node '/layer1/layer1.0/Add'            layer1.0.add
///     node 'node_max_pool2d'                 max_pool2d
struct LayerNames {
    private var taken: Set<String> = []
    /// How often a name was asked for, so that the next number is found at once.
    private var counts: [String: Int] = [:]
    private static let longest = 120

    /// A name that no layer has yet.
    /// - Parameters:
    ///   - weight: the initializer of its weights, if it has any.
    ///   - purpose: what a layer is for that has no node of its own, such as `pad`.
    mutating func name(_ node: ONNXNode, weight: String? = nil, purpose: String? = nil) -> String {
        var name = Self.module(of: node, isNamedByWeight: weight != nil)
        if let weight, !node.name.hasPrefix("/"), let module = Self.module(ofWeight: weight) {
            name = module
        }
        if let purpose { name += ".\(purpose)" }
        name = Self.allowed(name)
        var result = name
        while !taken.insert(result).inserted {
            counts[name, default: 1] += 1
            result = "\(name)_\(counts[name]!)"
        }
        return result
    }

    private static func module(ofWeight weight: String) -> String? {
        guard weight.hasSuffix(".weight"), weight.count > 7 else { return nil }
        return String(weight.dropLast(7))
    }

    private static func module(of node: ONNXNode, isNamedByWeight: Bool) -> String {
        let operation = node.operation.lowercased()
        guard node.hasName else { return operation + node.name.dropFirst() }
        var parts = node.name.split(separator: "/").map(String.init)
        guard node.name.hasPrefix("/"), parts.count > 1 else {
            let name = parts.joined(separator: ".")
            return name.hasPrefix("node_") ? String(name.dropFirst(5)) : name.lowercased()
        }
        let last = parts.removeLast().lowercased()
        // A part repeats the name of the module around it: 'layer1', then 'layer1.0'.
        var modules: [String] = []
        for part in parts {
            if let outer = modules.last, part.hasPrefix(outer + ".") { modules.removeLast() }
            modules.append(part)
        }
        let module = modules.joined(separator: ".")
        let letters = module.split(separator: ".").last?.lowercased().filter(\.isLetter)
        return isNamedByWeight || letters == operation ? module : "\(module).\(last)"
    }

    private static func allowed(_ name: String) -> String {
        let result = name.prefix(longest).map { character in
            character.isASCII
                && (character.isLetter || character.isNumber || "._-".contains(character))
                ? character : "_"
        }
        return result.isEmpty ? "layer" : String(result)
    }
}
