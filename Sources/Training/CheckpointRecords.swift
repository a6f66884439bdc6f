import Foundation
import Networks
import Tensors

// The graph as JSON, and the way from saved states to tensors of a file and back.

struct NetworkRecord: Codable {
    var name: String
    var inputShape: [Int]
    var nodes: [NodeRecord]

    /// Nodes of one name would all be made of the same tensors: much memory for a small file.
    func requireDifferentNames() throws(NetworkError) {
        var names: Set<String> = []
        for node in nodes where !names.insert(node.name).inserted { throw .duplicate(node.name) }
    }
}

struct NodeRecord: Codable {
    var name: String
    var inputs: [Int]
    var layer: StateRecord
    var parameters: [ParameterRecord] = []
}

struct ParameterRecord: Codable {
    var name: String
    var chain: [StateRecord]
}

struct TrainingRecord: Codable {
    var epoch: Int
    var step: Int

    /// Numbers that no training reaches would overflow further on.
    func requireUsable(path: String) throws(CheckpointError) {
        for (name, number) in [("epoch", epoch), ("step", step)] {
            guard (0...1 << 40).contains(number) else {
                throw .badMetadata(
                    path: path, field: "training",
                    reason: "\(name) is \(number), expected 0...\(1 << 40)")
            }
        }
    }
}

/// A `SavedState` whose tensors stand in the file under a path.
struct StateRecord: Codable {
    var kind: String
    var numbers: [String: Double]
    var tensors: [String]
    var bytes: [String]
}

func json(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
}

extension Safetensors {
    mutating func append(_ state: SavedState, under path: String) -> StateRecord {
        for (name, tensor) in state.tensors.sorted(by: { $0.key < $1.key }) {
            append(tensor, named: "\(path)/\(name)")
        }
        for (name, bytes) in state.bytes.sorted(by: { $0.key < $1.key }) {
            append(bytes, shape: [bytes.count], named: "\(path)/\(name)")
        }
        return StateRecord(
            kind: state.kind, numbers: state.numbers, tensors: state.tensors.keys.sorted(),
            bytes: state.bytes.keys.sorted())
    }
}

/// Finds in a file what records name.
struct StateReader {
    let path: String
    private let contents: [String: Safetensors.Content]
    /// See `SavedState.elementLimit`.
    private let elementLimit: Int

    /// How many weights a layer may have for each number in the file. Codes take a byte a weight;
    /// the rest is room for parametrizations that make many weights of few numbers.
    private static let expansionLimit = 64

    init(_ file: Safetensors, path: String) {
        self.path = path
        contents = Dictionary(
            file.tensors.map { ($0.name, $0.content) }, uniquingKeysWith: { first, _ in first })
        elementLimit =
            contents.values.reduce(0) { $0 + $1.shape.reduce(1, *) } * Self.expansionLimit
    }

    func decode<Value: Decodable>(_ text: String, field: String) throws(CheckpointError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
        } catch {
            throw .badMetadata(path: path, field: field, reason: jsonReason(error))
        }
    }

    func state(_ record: StateRecord, under prefix: String) throws(CheckpointError) -> SavedState {
        var state = SavedState(kind: record.kind)
        state.elementLimit = elementLimit
        state.numbers = record.numbers
        for name in record.tensors { state.tensors[name] = try tensor("\(prefix)/\(name)") }
        for name in record.bytes {
            guard case .bytes(_, let bytes)? = contents["\(prefix)/\(name)"] else {
                throw .missingTensor(path: path, name: "\(prefix)/\(name)")
            }
            state.bytes[name] = bytes
        }
        return state
    }

    func tensor(_ name: String) throws(CheckpointError) -> Tensor {
        guard case .float32(let tensor)? = contents[name] else {
            throw .missingTensor(path: path, name: name)
        }
        return tensor
    }

    /// Gives a layer its parameters and their chains.
    func restore(
        _ layer: inout any Layer, _ entry: NodeRecord, vocabulary: Vocabulary
    ) throws {
        var failure: (any Error)?
        layer.visitParameters { name, parameter in
            do {
                if failure == nil {
                    try restore(&parameter, name, entry, vocabulary: vocabulary)
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private func restore(
        _ parameter: inout Parameter, _ name: String, _ entry: NodeRecord, vocabulary: Vocabulary
    ) throws {
        let path = "\(entry.name).\(name)"
        guard let record = entry.parameters.first(where: { $0.name == name }) else {
            throw CheckpointError.missingTensor(path: self.path, name: path)
        }
        let value = try tensor(path)
        // Functions of one kind would all be made of the same tensors.
        var kinds: Set<String> = []
        for kind in record.chain.map(\.kind) where !kinds.insert(kind).inserted {
            throw CheckpointError.unfit(
                path: self.path, reason: "parameter '\(path)' has '\(kind)' twice")
        }
        let chain = try record.chain.map { record in
            try vocabulary.parametrization(
                try state(record, under: "\(path)/\(record.kind)"))
        }
        let expected = parameter.trained.value.shape
        let shapes = chain.reduce(into: [value.shape]) { shapes, parametrization in
            shapes.append(parametrization.effectiveShape(of: shapes.last!))
        }
        guard shapes.last! == expected else {
            throw CheckpointError.wrongShape(
                path: self.path, name: path, found: shapes.last!, expected: expected)
        }
        for (parametrization, shape) in zip(chain, shapes) {
            try parametrization.requireFit(to: shape)
        }
        let decays = parameter.trained.decays
        parameter.setChain(chain, trained: Variable(value, decays: decays))
    }

    static let momentPrefix = "optimizer/"

    func moments() -> [String: [Tensor]] {
        var moments: [String: [Tensor]] = [:]
        for (path, content) in contents.sorted(by: { $0.key < $1.key }) {
            // The name of a variable may have slashes of its own.
            guard path.hasPrefix(Self.momentPrefix), case .float32(let tensor) = content,
                let end = path.lastIndex(of: "/")
            else { continue }
            let name = path[..<end].dropFirst(Self.momentPrefix.count)
            moments[String(name), default: []].append(tensor)
        }
        return moments
    }
}
