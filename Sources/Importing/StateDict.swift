import Networks
import Tensors

/// Weights by the names of PyTorch: a safetensors file as
/// `safetensors.torch.save_file(model.state_dict(), path)` writes it.
///
/// A tensor is named after its layer and its part: `weight`, `bias`, and for batch normalization also
/// `running_mean` and `running_var`. Weights of convolutions are
/// `[outputs, channels / groups, height, width]`, those of linear layers `[outputs, inputs]`.
/// How many batches a running mean has seen (`num_batches_tracked`) is written as 0 and not read.
public enum StateDict {
    /// What the networks here have no counterpart of.
    static let countSuffix = ".num_batches_tracked"

    /// Gives a network that is not compressed the values of a file. On an error it stays as it was.
    public static func load(
        into network: inout Network, contentsOf path: String
    ) throws(StateDictError) {
        let file: Safetensors
        do throws(SafetensorsError) {
            file = try Safetensors(contentsOf: path)
        } catch {
            throw .unreadable(error)
        }
        try load(file, into: &network, path: path)
    }

    static func load(
        _ file: Safetensors, into network: inout Network, path: String
    ) throws(StateDictError) {
        let fields = fields(of: network)
        if let field = fields.first(where: \.isCompressed) {
            throw .compressed(network: network.name, tensor: field.name)
        }
        let contents = Dictionary(
            file.tensors.map { ($0.name, $0.content) }, uniquingKeysWith: { first, _ in first })
        let mismatches = mismatches(of: contents, with: fields)
        guard mismatches.isEmpty else {
            throw .mismatch(file: path, network: network.name, mismatches)
        }
        for field in fields {
            guard case .float32(let tensor)? = contents[field.name],
                let index = tensor.firstNotFinite
            else { continue }
            throw .notFinite(
                file: path, tensor: field.name, element: index, found: tensor[index])
        }
        for node in network.nodes {
            let name = "\(node.name).running_var"
            guard let layer = node.layer as? BatchNormalization,
                case .float32(let tensor)? = contents[name],
                let index = layer.firstNotPositive(of: tensor)
            else { continue }
            throw .notPositive(file: path, tensor: name, element: index, found: tensor[index])
        }
        for index in network.nodes.indices {
            let node = network.nodes[index].name
            func tensor(_ part: String) -> Tensor? {
                guard case .float32(let tensor)? = contents["\(node).\(part)"] else { return nil }
                return tensor
            }
            network.updateLayer(at: index) { assign(tensor, to: &$0) }
        }
    }

    private static func assign(_ tensor: (String) -> Tensor?, to layer: inout any Layer) {
        layer.visitParameters { part, parameter in
            if let tensor = tensor(part) { parameter.trained.value.assign(ofPyTorch: tensor) }
        }
        guard var normalization = layer as? BatchNormalization else { return }
        if let mean = tensor("running_mean") { normalization.runningMean = mean }
        if let variance = tensor("running_var") { normalization.runningVariance = variance }
        layer = normalization
    }

    /// Writes the values that the layers compute with; those of a compressed network are decoded.
    public static func write(_ network: Network, to path: String) throws(FileError) {
        try file(of: network).write(to: path)
    }

    static func file(of network: Network) -> Safetensors {
        var network = network
        network.updateEffective()
        var file = Safetensors(metadata: ["format": "pt"])
        for index in network.nodes.indices {
            let name = network.nodes[index].name
            network.updateLayer(at: index) { layer in
                layer.visitParameters { part, parameter in
                    file.append(parameter.effective.ofPyTorch, named: "\(name).\(part)")
                }
            }
            guard let layer = network.nodes[index].layer as? BatchNormalization else { continue }
            file.append(layer.runningMean, named: "\(name).running_mean")
            file.append(layer.runningVariance, named: "\(name).running_var")
            file.tensors.append(
                .init(name: name + countSuffix, content: .int64(shape: [], [0])))
        }
        return file
    }

    // MARK: What a network has

    /// A tensor of a network.
    package struct Field: Sendable, Equatable {
        package var name: String
        /// As PyTorch has it.
        package var shape: [Int]
        /// Whether it is not trained as it stands: pruned, shared or quantized.
        var isCompressed: Bool
    }

    /// In the order of the layers.
    package static func fields(of network: Network) -> [Field] {
        var (network, fields): (Network, [Field]) = (network, [])
        for index in network.nodes.indices {
            let name = network.nodes[index].name
            network.updateLayer(at: index) { layer in
                layer.visitParameters { part, parameter in
                    fields.append(
                        Field(
                            name: "\(name).\(part)",
                            shape: parameter.effective.shape.ofPyTorch,
                            isCompressed: !parameter.chain.isEmpty))
                }
            }
            guard let layer = network.nodes[index].layer as? BatchNormalization else { continue }
            for part in ["running_mean", "running_var"] {
                fields.append(
                    Field(name: "\(name).\(part)", shape: [layer.channels], isCompressed: false))
            }
        }
        return fields
    }

    private static func mismatches(
        of contents: [String: Safetensors.Content], with fields: [Field]
    ) -> [StateDictError.Mismatch] {
        var (rest, mismatches): ([String: Safetensors.Content], [StateDictError.Mismatch]) =
            (contents, [])
        for field in fields {
            switch rest.removeValue(forKey: field.name) {
            case nil: mismatches.append(.missing(field.name, field.shape))
            case .float32(let tensor)?:
                if tensor.shape != field.shape {
                    mismatches.append(
                        .shape(field.name, found: tensor.shape, expected: field.shape))
                }
            case .bytes?, .int8?, .int64?: mismatches.append(.notFloats(field.name))
            }
        }
        let unknown = rest.filter { !$0.key.hasSuffix(countSuffix) }
        return mismatches
            + unknown.sorted { $0.key < $1.key }.map { .unexpected($0.key, $0.value.shape) }
    }
}
