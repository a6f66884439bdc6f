import Tensors

/// Low-rank factorization of layers: a truncated singular value decomposition makes of one layer two
/// smaller ones (Denton et al. 2014, arXiv 1404.0736; Zhang et al. 2016, arXiv 1505.06798).
public enum Factorization {
    /// How much of a layer's spectrum stays.
    public enum Rank: Sendable, Equatable {
        /// This many singular values, or all if there are fewer.
        case rank(Int)
        /// As many as hold this share of the sum of their squares.
        case energy(Double)
    }

    /// The size of a layer's weights as the matrix that is decomposed.
    public struct Matrix: Sendable, Equatable {
        public let rows: Int
        public let columns: Int

        /// Of so many singular values, two factors have fewer weights than the matrix:
        /// `rank · (rows + columns) < rows · columns`; 0 where not even of one.
        public var largestRank: Int { (rows * columns - 1) / (rows + columns) }

        /// Whether the factors of a rank have fewer weights; how many an energy takes is not known here.
        public func isMadeSmaller(by rank: Rank) -> Bool {
            switch rank {
            case .rank(let rank): rank <= largestRank
            case .energy: true
            }
        }
    }
}

extension Network {
    /// The layers that can be factorized, by name.
    public var factorizableLayers: [String: Factorization.Matrix] {
        var matrices: [String: Factorization.Matrix] = [:]
        for node in nodes {
            switch node.layer {
            case let layer as Linear:
                matrices[node.name] = .init(rows: layer.inputs, columns: layer.outputs)
            case let layer as Convolution where layer.geometry.groups == 1:
                let outputs = layer.geometry.outputs
                matrices[node.name] = .init(
                    rows: layer.geometry.weightShape.reduce(1, *) / outputs, columns: outputs)
            default: break
            }
        }
        return matrices
    }

    /// The same network with a pair of layers in place of each layer named.
    ///
    /// A linear layer `W ≈ A B` becomes `name.a`, whose bias starts from zero, and `name.b` with the
    /// bias. A convolution becomes one of the same window with `rank` outputs, without bias, and a 1×1
    /// convolution with the bias: `W` seen as `[taps · channels, outputs]`. The singular values are
    /// shared between the two factors by their roots.
    ///
    /// - Throws: `FactorizationError` for a name that is no such layer, or a layer that a
    ///   factorization can not take (grouped convolutions, layers with masks or codebooks).
    public func factorized(
        _ ranks: [String: Factorization.Rank], threads: Int
    ) throws -> Network {
        var pairs: [String: [(name: String, layer: any Layer)]] = [:]
        for (name, rank) in ranks.sorted(by: { $0.key < $1.key }) {
            guard let node = nodes.first(where: { $0.name == name }) else {
                throw FactorizationError.unknownLayer(name, known: nodes.map(\.name))
            }
            switch node.layer {
            case let layer as Linear:
                pairs[name] = try layer.factorized(name, rank, threads: threads)
            case let layer as Convolution:
                pairs[name] = try layer.factorized(name, rank, threads: threads)
            default:
                throw FactorizationError.unfit(
                    layer: name, reason: "it is of kind \(type(of: node.layer).kind)")
            }
        }
        return try replacing { pairs[$0.name] }
    }
}

extension Parameter {
    /// The two factors of the weights as a matrix of `columns` columns.
    fileprivate func factors(
        _ name: String, _ rank: Factorization.Rank, columns: Int, threads: Int
    ) throws -> (Tensor, Tensor) {
        guard chain.isEmpty else {
            throw FactorizationError.unfit(
                layer: name, reason: "its weights are pruned, shared or quantized already")
        }
        let matrix = trained.value.reshaped(to: [trained.value.count / columns, columns])
        return TruncatedSVD(of: matrix, rank, threads: threads).balancedFactors
    }
}

extension Linear {
    fileprivate func factorized(
        _ name: String, _ rank: Factorization.Rank, threads: Int
    ) throws -> [(name: String, layer: any Layer)] {
        let (a, b) = try weight.factors(name, rank, columns: outputs, threads: threads)
        var first = Linear(inputs: inputs, outputs: a.shape[1])
        var second = Linear(inputs: a.shape[1], outputs: outputs)
        first.weight.trained.value = a
        second.weight.trained.value = b
        second.bias = bias
        return [("\(name).a", first), ("\(name).b", second)]
    }
}

extension Convolution {
    fileprivate func factorized(
        _ name: String, _ rank: Factorization.Rank, threads: Int
    ) throws -> [(name: String, layer: any Layer)] {
        guard geometry.groups == 1 else {
            throw FactorizationError.unfit(
                layer: name, reason: "it has \(geometry.groups) groups, expected 1")
        }
        let (a, b) = try weight.factors(name, rank, columns: geometry.outputs, threads: threads)
        var wide = geometry
        wide.outputs = a.shape[1]
        let point = ConvolutionGeometry(
            height: wide.outputHeight, width: wide.outputWidth, channels: wide.outputs,
            outputs: geometry.outputs, kernel: [1, 1], stride: [1, 1], padding: [0, 0])
        var first = Convolution(wide, hasBias: false)
        var second = Convolution(point, hasBias: bias != nil)
        first.weight.trained.value = a.reshaped(to: wide.weightShape)
        second.weight.trained.value = b.reshaped(to: point.weightShape)
        second.bias = bias
        return [("\(name).a", first), ("\(name).b", second)]
    }
}

/// Why a layer can not be factorized.
public enum FactorizationError: Error, Equatable, CustomStringConvertible {
    case unknownLayer(String, known: [String])
    case unfit(layer: String, reason: String)
    /// The factors would have as many weights as the layer, or more.
    case notSmaller(layer: String, rank: Int, Factorization.Matrix)

    public var description: String {
        switch self {
        case .unknownLayer(let name, let known):
            "no layer '\(name)' to factorize; known: \(known.joined(separator: ", "))"
        case .unfit(let layer, let reason):
            "layer '\(layer)' can not be factorized: \(reason); "
                + "expected a linear layer or a convolution with plain weights"
        case .notSmaller(let layer, let rank, let matrix):
            "layer '\(layer)' has \(matrix.rows) × \(matrix.columns) weights, of which factors of "
                + "rank \(rank) make no fewer; "
                + (matrix.largestRank > 0
                    ? "expected a rank of at most \(matrix.largestRank)" : "no rank does")
        }
    }
}
