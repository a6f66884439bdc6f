/// The kinds of layers and parametrizations that a checkpoint may name.
public struct Vocabulary: Sendable {
    private var layers: [String: any Layer.Type] = [:]
    private var parametrizations: [String: any Parametrization.Type] = [:]

    /// The layers of this module.
    public static let standard = Vocabulary(
        layers: [
            Linear.self, Convolution.self, MaxPooling.self, Activation.self, Flatten.self,
            Dropout.self, BatchNormalization.self, Add.self, Multiply.self, Concatenation.self,
            Slice.self,
            ChannelShuffle.self, Reshape.self, Padding.self, Softmax.self, AveragePooling.self,
            GlobalAveragePooling.self,
        ], parametrizations: [])

    public init(layers: [any Layer.Type], parametrizations: [any Parametrization.Type]) {
        for layer in layers { self.layers[layer.kind] = layer }
        for type in parametrizations { self.parametrizations[type.kind] = type }
    }

    public func adding(
        layers: [any Layer.Type], parametrizations: [any Parametrization.Type]
    ) -> Vocabulary {
        var result = self
        for layer in layers { result.layers[layer.kind] = layer }
        for type in parametrizations { result.parametrizations[type.kind] = type }
        return result
    }

    public func layer(_ state: SavedState) throws -> any Layer {
        guard let type = layers[state.kind] else {
            throw SavedStateError.unknownKind(state.kind, known: layers.keys.sorted())
        }
        return try type.init(state: state)
    }

    public func parametrization(_ state: SavedState) throws -> any Parametrization {
        guard let type = parametrizations[state.kind] else {
            throw SavedStateError.unknownKind(state.kind, known: parametrizations.keys.sorted())
        }
        return try type.init(state: state)
    }
}
