import Tensors

/// A 2-D convolution of `[height, width, channels]` images.
///
/// `weight` is `[kernelHeight, kernelWidth, channels, outputs]`, `bias` is `[outputs]`.
public struct Convolution: Layer {
    public static let kind = "convolution"

    public let geometry: ConvolutionGeometry
    public var weight: Parameter
    public var bias: Parameter
    private var kernels: ConvolutionKernels

    /// Weights of zero; see `initialize(using:)`.
    public init(_ geometry: ConvolutionGeometry) {
        self.geometry = geometry
        weight = Parameter(
            Tensor(shape: geometry.kernel + [geometry.channels, geometry.outputs]), decays: true)
        bias = Parameter(Tensor(shape: [geometry.outputs]), decays: false)
        kernels = ConvolutionKernels(geometry)
    }

    public func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        let expected = [geometry.height, geometry.width, geometry.channels]
        guard shapes.count == 1, shapes[0] == expected else {
            throw .unfit(layer: Self.kind, found: shapes, expected: "\(expected)")
        }
        return [geometry.outputHeight, geometry.outputWidth, geometry.outputs]
    }

    public mutating func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        kernels.forward(
            x[0], weights: weight.effective, bias: bias.effective,
            paddingValue: pass.paddingValue, into: &y, threads: pass.threads)
    }

    public mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        kernels.parameterGradients(
            x[0], dy, weights: &weight.effectiveGradient, bias: &bias.effectiveGradient,
            threads: pass.threads)
        if wants[0] {
            kernels.inputGradient(
                dy, weights: weight.effective, into: &inputGradients[0], threads: pass.threads)
        }
    }

    public func paddingValue(behind value: Float) -> Float { 0 }

    public mutating func visitParameters(_ visit: (String, inout Parameter) -> Void) {
        visit("weight", &weight)
        visit("bias", &bias)
    }

    private static let pairs = ["kernel", "stride", "padding"]

    public var state: SavedState {
        var state = SavedState(kind: Self.kind)
        let g = geometry
        state.numbers = [
            "height": Double(g.height), "width": Double(g.width), "channels": Double(g.channels),
            "outputs": Double(g.outputs),
        ]
        for (name, pair) in zip(Self.pairs, [g.kernel, g.stride, g.padding]) {
            for axis in 0...1 { state.numbers["\(name)\(axis)"] = Double(pair[axis]) }
        }
        return state
    }

    public init(state: SavedState) throws {
        let sizes = 1...SavedState.largestSize
        func pair(_ name: String, in range: ClosedRange<Int>) throws -> [Int] {
            try (0...1).map { try state.integer("\(name)\($0)", in: range) }
        }
        let (height, width) = (
            try state.integer("height", in: sizes), try state.integer("width", in: sizes)
        )
        let kernel = try pair("kernel", in: 1...min(height, width, 64) + 128)
        let padding = try pair("padding", in: 0...kernel.min()! - 1)
        guard height + 2 * padding[0] >= kernel[0], width + 2 * padding[1] >= kernel[1] else {
            throw ShapeError.unfit(
                layer: Self.kind, found: [[height, width]], expected: "at least \(kernel)")
        }
        self.init(
            ConvolutionGeometry(
                height: height, width: width, channels: try state.integer("channels", in: sizes),
                outputs: try state.integer("outputs", in: sizes), kernel: kernel,
                stride: try pair("stride", in: 1...64), padding: padding))
    }
}
