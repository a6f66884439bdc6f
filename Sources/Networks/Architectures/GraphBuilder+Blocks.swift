import Tensors

// Groups of layers that several architectures are made of.

extension GraphBuilder {
    /// A convolution `name.0` with batch normalization `name.1`.
    mutating func normalizedConvolution(
        _ name: String, _ x: Value, outputs: Int, kernel: Int, stride: Int = 1, groups: Int = 1,
        _ activation: ActivationFunction
    ) throws(NetworkError) -> Value {
        let y = try convolution(
            "\(name).0", x, outputs: outputs, kernel: kernel, stride: stride, groups: groups)
        return try normalization("\(name).1", y, activation)
    }

    /// Mean over space, then features.
    mutating func pooledFeatures(_ x: Value) throws(NetworkError) -> Value {
        let pooled = try add("avgpool", GlobalAveragePooling(), to: x)
        return try add("flatten", Flatten(), to: pooled)
    }

    /// Average pooling to `size` × `size` where the image is a multiple of that. Other images stay as
    /// they are: the layers behind take what there is.
    mutating func pooling(
        _ name: String, _ x: Value, toSize size: Int
    ) throws(NetworkError) -> Value {
        let image = Array(shape(of: x).dropLast())
        guard image != [size, size], image.allSatisfy({ $0 % size == 0 }) else { return x }
        let window = image.map { $0 / size }
        return try add(name, AveragePooling(kernel: window, stride: window), to: x)
    }

    /// Scales each channel by a gate computed from the mean of all (Hu et al. 2018).
    /// - Parameters:
    ///   - squeezed: channels between the two 1×1 convolutions.
    ///   - reduction: what the first convolution is called below `name`.
    ///   - expansion: what the second one is called.
    mutating func squeezeAndExcitation(
        _ name: String, _ x: Value, squeezed: Int, _ activation: ActivationFunction,
        reduction: String, expansion: String
    ) throws(NetworkError) -> Value {
        var gate = try add("\(name).avgpool", GlobalAveragePooling(), to: x)
        gate = try convolution(
            "\(name).\(reduction)", gate, outputs: squeezed, kernel: 1, hasBias: true)
        gate = try add("\(name).activation", Activation(activation), to: gate)
        gate = try convolution(
            "\(name).\(expansion)", gate, outputs: channels(of: x), kernel: 1, hasBias: true)
        gate = try add("\(name).gate", Activation(.sigmoid), to: gate)
        return try add("\(name).multiply", Multiply(), to: x, gate)
    }

    /// A convolution for each kernel, `name.0` and so on, that takes its share of the channels and makes
    /// its share of the outputs. Shares are equal, but for the first, which also has the remainder.
    /// One kernel alone is a plain convolution `name`.
    mutating func mixedConvolution(
        _ name: String, _ x: Value, outputs: Int, kernels: [Int], stride: Int = 1,
        isDepthwise: Bool = false
    ) throws(NetworkError) -> Value {
        let channels = channels(of: x)
        if kernels.count == 1 {
            return try convolution(
                name, x, outputs: outputs, kernel: kernels[0], stride: stride,
                groups: isDepthwise ? channels : 1)
        }
        var (branches, first): ([Value], Int) = ([], 0)
        for (index, kernel) in kernels.enumerated() {
            let count = Self.share(index, of: channels, among: kernels.count)
            let part = try add(
                "\(name).slice\(index)", Slice(channels: first..<first + count), to: x)
            branches.append(
                try convolution(
                    "\(name).\(index)", part,
                    outputs: Self.share(index, of: outputs, among: kernels.count), kernel: kernel,
                    stride: stride, groups: isDepthwise ? count : 1))
            first += count
        }
        return try add("\(name).concatenation", Concatenation(), to: branches)
    }

    private static func share(_ index: Int, of count: Int, among parts: Int) -> Int {
        count / parts + (index == 0 ? count % parts : 0)
    }
}
