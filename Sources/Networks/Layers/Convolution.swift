import Tensors

/// A 2-D convolution of `[height, width, channels]` images.
///
/// `weight` is `[kernelHeight, kernelWidth, channels / groups, outputs]`; output `o` belongs to group
/// `o / (outputs / groups)`. `bias` is `[outputs]`, and missing where batch normalization follows.
public struct Convolution: Layer {
    public static let kind = "convolution"

    public let geometry: ConvolutionGeometry
    public var weight: Parameter
    public var bias: Parameter?
    private var kernels: ConvolutionKernels

    /// Weights of zero; see `initialize(using:)`.
    public init(_ geometry: ConvolutionGeometry, hasBias: Bool = true) {
        self.geometry = geometry
        weight = Parameter(Tensor(shape: geometry.weightShape), decays: true)
        bias = hasBias ? Parameter(Tensor(shape: [geometry.outputs]), decays: false) : nil
        kernels = ConvolutionKernels(geometry)
    }

    /// The same layer, with sums of products and nothing else (``ConvolutionSums/direct``).
    package var summingDirectly: Convolution {
        var layer = self
        layer.kernels = ConvolutionKernels(geometry, sums: .direct)
        return layer
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let expected = [geometry.height, geometry.width, geometry.channels]
        guard shapes.count == 1, shapes[0] == expected else {
            throw .unfit(layer: Self.kind, found: shapes, expected: "\(expected)")
        }
        try Self.requireWindow(in: geometry)
        return [geometry.outputHeight, geometry.outputWidth, geometry.outputs]
    }

    /// Throws unless the padded image holds the kernel.
    private static func requireWindow(in g: ConvolutionGeometry) throws(ShapeError) {
        let padded = [g.height + 2 * g.padding[0], g.width + 2 * g.padding[1]]
        guard padded[0] >= g.extent[0], padded[1] >= g.extent[1] else {
            throw .unfit(
                layer: kind, found: [[g.height, g.width, g.channels]],
                expected: "an image of at least \(g.extent), padding included")
        }
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        pass.moments = kernels.forward(
            x[0], weights: weight.effective, bias: bias?.effective,
            paddingValue: pass.paddingValue, into: &y, wantsMoments: pass.wantsMoments,
            threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        kernels.backward(
            x[0], output: output, gradient: &dy, normalization: pass.normalization,
            keepsGradient: bias != nil, weights: weight.effective,
            into: &weight.effectiveGradient, input: &inputGradients[0], wantsInput: wants[0],
            workspace: &pass.workspace, threads: pass.threads)
        pass.normalization = nil
        if bias != nil {
            kernels.biasGradient(dy, into: &bias!.effectiveGradient, threads: pass.threads)
        }
    }

    // MARK: Behind a batch normalization

    /// Whether it can make its input itself, part by part.
    var takesNormalizedInput: Bool { kernels.canFinishParts }

    mutating func forward(_ source: NormalizedInput, into y: inout Tensor, pass: inout Pass) {
        pass.moments = kernels.forward(
            source, weights: weight.effective, bias: bias?.effective, into: &y,
            wantsMoments: pass.wantsMoments, workspace: &pass.workspace, threads: pass.threads)
    }

    /// - Parameter g: receives the gradient of the first step of `source`'s backward pass.
    /// - Returns: the sums of that step.
    mutating func backward(
        _ source: NormalizedInput, output: Tensor, outputGradient dy: inout Tensor,
        into g: inout Tensor, pass: inout Pass
    ) -> [(Double, Double)] {
        let sums = kernels.backward(
            source, output: output, gradient: &dy, normalization: pass.normalization,
            keepsGradient: bias != nil, weights: weight.effective,
            into: &weight.effectiveGradient, source: &g, workspace: &pass.workspace,
            threads: pass.threads)
        pass.normalization = nil
        if bias != nil {
            kernels.biasGradient(dy, into: &bias!.effectiveGradient, threads: pass.threads)
        }
        return sums
    }

    public func paddingValue(behind value: Float) -> Float { 0 }

    public mutating func visitParameters(_ visit: (String, inout Parameter) -> Void) {
        visit("weight", &weight)
        if bias != nil { visit("bias", &bias!) }
    }

    private static let pairs = ["kernel", "stride", "padding", "dilation"]

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        let g = geometry
        state.numbers = [
            "height": Double(g.height), "width": Double(g.width), "channels": Double(g.channels),
            "outputs": Double(g.outputs), "groups": Double(g.groups),
            "hasBias": bias == nil ? 0 : 1,
        ]
        for (name, pair) in zip(Self.pairs, [g.kernel, g.stride, g.padding, g.dilation]) {
            for axis in 0...1 { state.numbers["\(name)\(axis)"] = Double(pair[axis]) }
        }
        return state
    }

    public init(state: SavedState) throws {
        func size(_ name: String) throws -> Int {
            try state.integer(name, in: 1...SavedState.largestSize)
        }
        func pair(_ name: String, from lowest: Int) throws -> [Int] {
            try (0...1).map { try state.integer("\(name)\($0)", in: lowest...Self.largestKernel) }
        }
        let geometry = ConvolutionGeometry(
            height: try size("height"), width: try size("width"), channels: try size("channels"),
            outputs: try size("outputs"), kernel: try pair("kernel", from: 1),
            stride: try pair("stride", from: 1), padding: try pair("padding", from: 0),
            dilation: try pair("dilation", from: 1), groups: try size("groups"))
        guard geometry.channels % geometry.groups == 0, geometry.outputs % geometry.groups == 0
        else {
            throw SavedStateError.outOfRange(
                kind: Self.kind, field: "groups", found: Double(geometry.groups),
                range: 1...min(geometry.channels, geometry.outputs))
        }
        try Self.requireWindow(in: geometry)
        try state.requireRoom(for: geometry.weightShape)
        self.init(geometry, hasBias: try state.integer("hasBias", in: 0...1) == 1)
    }

    /// The largest kernel, stride and padding that a layer read from a file may have.
    private static let largestKernel = 256
}
