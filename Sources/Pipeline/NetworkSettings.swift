import Importing
import Networks
import Tensors

/// Which network a pipeline starts from: a built-in architecture, an ONNX file, or a checkpoint.
struct NetworkSettings: Sendable, Equatable {
    /// Graph and weights, in the place of everything below.
    let onnx: String?
    /// The same, as another pipeline or `shrink import` has left them.
    let checkpoint: String?
    /// `nil` only for a file with a graph.
    let architecture: Architecture?
    let width: Float
    let dropout: Float
    let stem: Architecture.Stem
    /// In the place of the architecture's own.
    let activation: ActivationFunction?
    /// A `state_dict` to start from in the place of random weights.
    let weights: String?

    init(_ setting: Setting) throws(PipelineFileError) {
        let files = ["onnx", "checkpoint"]
        let file = try setting.anyMapping().first { files.contains($0.0) }?.0
        let keys = try setting.mapping(
            known: file.map { [$0] }
                ?? ["architecture", "width", "dropout", "stem", "activation", "weights"] + files)
        onnx = try keys["onnx"]?.string()
        checkpoint = try keys["checkpoint"]?.string()
        if file != nil {
            (architecture, activation, weights) = (nil, nil, nil)
            (width, dropout, stem) = (1, 0, .imageNet)
            return
        }
        guard let architecture = keys["architecture"] else {
            throw .missingKey(place: setting.place, path: setting.path, key: "architecture")
        }
        self.architecture = try architecture.choice(of: Architecture.self)
        width = try keys["width"]?.number(in: 0.01...16) ?? 1
        dropout = try keys["dropout"]?.number(in: 0...0.99) ?? 0
        stem = try keys["stem"]?.choice(of: Architecture.Stem.self) ?? .imageNet
        activation = try keys["activation"]?.choice(of: ActivationWord.self).function
        weights = try keys["weights"]?.string()
    }

    /// The files that the network and its weights are read from, if any.
    var files: [String] {
        [weights, onnx, checkpoint].compactMap { $0 }
            + (onnx.map(Network.externalFiles(ofONNX:)) ?? [])
    }

    /// The network of the file that has its graph, too; `nil` for an architecture. Reads the file.
    func imported() throws -> NetworkImport? {
        if let checkpoint { return try NetworkImport(checkpoint: checkpoint) }
        return try onnx.map { try NetworkImport(onnx: $0) }
    }

    /// The network with the weights of the file, or random ones.
    func network(
        inputShape: [Int], classes: Int, using generator: inout SeededGenerator
    ) throws -> Network {
        guard let architecture else {
            return try imported()!.network(inputShape: inputShape, classes: classes)
        }
        guard let weights else {
            return try architecture.network(
                inputShape: inputShape, classes: classes, width: width, dropout: dropout,
                stem: stem, activation: activation, using: &generator)
        }
        var network = try blankNetwork(architecture, inputShape: inputShape, classes: classes)
        try StateDict.load(into: &network, contentsOf: weights)
        return network
    }

    /// The network's layers, without making weights.
    /// - Parameter imported: what `imported` has given.
    func blankNetwork(
        _ imported: NetworkImport?, inputShape: [Int], classes: Int
    ) throws -> Network {
        guard let architecture else {
            return try imported!.network(inputShape: inputShape, classes: classes)
        }
        return try blankNetwork(architecture, inputShape: inputShape, classes: classes)
    }

    private func blankNetwork(
        _ architecture: Architecture, inputShape: [Int], classes: Int
    ) throws(NetworkError) -> Network {
        try architecture.blankNetwork(
            inputShape: inputShape,
            ArchitectureOptions(
                classes: classes, width: width, dropout: dropout, stem: stem,
                activation: activation))
    }
}

/// The activation functions that a pipeline file can ask for.
private enum ActivationWord: String, CaseIterable {
    case relu
    case relu6
    case silu
    case hardSwish = "hard-swish"

    var function: ActivationFunction {
        switch self {
        case .relu: .relu
        case .relu6: .relu6
        case .silu: .silu
        case .hardSwish: .hardSwish
        }
    }
}
