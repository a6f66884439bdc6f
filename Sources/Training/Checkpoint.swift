import Foundation
import Networks
import Tensors

/// A network with its compression state, and where its training stands, in one safetensors file.
///
/// Trained tensors are named as parameters are (`fc1.weight`), in the layout of their layers; what a
/// parametrization keeps follows behind a slash (`fc1.weight/mask/kept`). Graph, settings and
/// training state are JSON in the metadata, under `network` and `training`.
public struct Checkpoint: Sendable {
    public var network: Network
    /// The optimizer of an unfinished training, to resume with.
    public var training: TrainingState?
    /// Anything else that the writer wants to find again.
    public var notes: [String: String] = [:]

    public struct TrainingState: Sendable {
        public var epoch: Int
        public var step: Int
        public var moments: [String: [Tensor]]
    }

    public init(_ network: Network, notes: [String: String] = [:]) {
        self.network = network
        self.notes = notes
    }

    /// A training in the middle.
    public init(_ trainer: Trainer, notes: [String: String] = [:]) {
        self.init(trainer.network, notes: notes)
        training = TrainingState(
            epoch: trainer.epoch, step: trainer.optimizer.step, moments: trainer.optimizer.moments)
    }

    // MARK: Writing

    public func encoded() throws -> Safetensors {
        var file = Safetensors()
        var network = network
        var record = NetworkRecord(name: network.name, inputShape: network.inputShape, nodes: [])
        for index in network.nodes.indices {
            let node = network.nodes[index]
            var entry = NodeRecord(
                name: node.name, inputs: node.inputs,
                layer: file.append(node.layer.state, under: node.name))
            network.updateLayer(at: index) { layer in
                layer.visitParameters { name, parameter in
                    let path = "\(node.name).\(name)"
                    file.append(parameter.trained.value, named: path)
                    let chain = parameter.chain.map {
                        file.append($0.state, under: "\(path)/\($0.state.kind)")
                    }
                    entry.parameters.append(ParameterRecord(name: name, chain: chain))
                }
            }
            record.nodes.append(entry)
        }
        file.metadata = notes
        file.metadata["network"] = try json(record)
        if let training {
            file.metadata["training"] = try json(
                TrainingRecord(epoch: training.epoch, step: training.step))
            for (name, tensors) in training.moments.sorted(by: { $0.key < $1.key }) {
                for (index, tensor) in tensors.enumerated() {
                    file.append(tensor, named: "\(StateReader.momentPrefix)\(name)/\(index)")
                }
            }
        }
        return file
    }

    /// Writes under a temporary name, then renames.
    public func write(to path: String) throws {
        try encoded().write(to: path)
    }

    // MARK: Reading

    /// - Throws: `SafetensorsError` for a broken file, `CheckpointError` for one that holds no network.
    public init(contentsOf path: String, vocabulary: Vocabulary) throws {
        try self.init(Safetensors(contentsOf: path), path: path, vocabulary: vocabulary)
    }

    package init(_ file: Safetensors, path: String, vocabulary: Vocabulary) throws {
        let reader = StateReader(file, path: path)
        guard let text = file.metadata["network"] else {
            throw CheckpointError.noNetwork(path: path)
        }
        let record: NetworkRecord = try reader.decode(text, field: "network")
        do {
            try record.requireDifferentNames()
            var nodes: [Network.Node] = []
            for entry in record.nodes {
                var layer = try vocabulary.layer(reader.state(entry.layer, under: entry.name))
                try reader.restore(&layer, entry, vocabulary: vocabulary)
                nodes.append(Network.Node(name: entry.name, inputs: entry.inputs, layer: layer))
            }
            network = try Network(
                name: record.name, inputShape: record.inputShape, nodes: nodes)
        } catch let error as CheckpointError {
            throw error
        } catch {
            throw CheckpointError.unfit(path: path, reason: "\(error)")
        }
        notes = file.metadata.filter { $0.key != "network" && $0.key != "training" }
        if let text = file.metadata["training"] {
            let record: TrainingRecord = try reader.decode(text, field: "training")
            try record.requireUsable(path: path)
            training = TrainingState(
                epoch: record.epoch, step: record.step, moments: reader.moments())
        }
    }

    /// A trainer that goes on where the written one stopped, or starts on the network.
    public func trainer(settings: TrainingSettings, seed: UInt64, threads: Int) -> Trainer {
        var trainer = Trainer(network, settings: settings, seed: seed, threads: threads)
        if let training {
            trainer.epoch = training.epoch
            trainer.optimizer.step = training.step
            trainer.optimizer.moments = training.moments
        }
        return trainer
    }
}

/// Why a file is no checkpoint of a network.
public enum CheckpointError: Error, Equatable, CustomStringConvertible {
    case noNetwork(path: String)
    case badMetadata(path: String, field: String, reason: String)
    case missingTensor(path: String, name: String)
    case wrongShape(path: String, name: String, found: [Int], expected: [Int])
    case unfit(path: String, reason: String)

    public var description: String {
        switch self {
        case .noNetwork(let path):
            "\(path): a safetensors file whose metadata have no 'network', expected a checkpoint "
                + "written by shrink; weights alone, such as a state_dict of PyTorch, are stated at "
                + "network.weights beside the architecture"
        case .badMetadata(let path, let field, let reason):
            "\(path): metadata '\(field)': \(reason)"
        case .missingTensor(let path, let name):
            "\(path): no tensor '\(name)', which the network in the metadata needs"
        case .wrongShape(let path, let name, let found, let expected):
            "\(path): tensor '\(name)' has shape \(found), expected \(expected)"
        case .unfit(let path, let reason):
            "\(path): \(reason)"
        }
    }
}
