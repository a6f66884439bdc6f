/// Sizes of a 2-D convolution over `[height, width, channels]` images.
public struct ConvolutionGeometry: Sendable, Equatable {
    public var height: Int
    public var width: Int
    public var channels: Int
    public var outputs: Int
    /// `[vertical, horizontal]`, as are stride and padding.
    public var kernel: [Int]
    public var stride: [Int]
    public var padding: [Int]
    /// Input positions from one tap of the kernel to the next, 1 for a plain convolution.
    public var dilation: [Int]
    /// Channels and outputs are cut into this many groups that see only each other.
    public var groups: Int

    public init(
        height: Int, width: Int, channels: Int, outputs: Int, kernel: [Int], stride: [Int],
        padding: [Int], dilation: [Int] = [1, 1], groups: Int = 1
    ) {
        self.height = height
        self.width = width
        self.channels = channels
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
    }

    public var outputHeight: Int { (height + 2 * padding[0] - extent[0]) / stride[0] + 1 }
    public var outputWidth: Int { (width + 2 * padding[1] - extent[1]) / stride[1] + 1 }
    /// Positions that the kernel spans, from its first tap to its last.
    public var extent: [Int] { (0...1).map { (kernel[$0] - 1) * dilation[$0] + 1 } }
    /// `[kernelHeight, kernelWidth, channels / groups, outputs]`
    public var weightShape: [Int] { kernel + [channels / groups, outputs] }
    /// One input channel a group.
    public var isDepthwise: Bool { groups > 1 && groups == channels && outputs == channels }
    public var inputCount: Int { height * width * channels }
    public var outputCount: Int { outputHeight * outputWidth * outputs }
    public var weightCount: Int { kernel[0] * kernel[1] * channels / groups * outputs }
    /// A product of each position's channels with the weights, and nothing else.
    public var isPointwise: Bool {
        kernel == [1, 1] && stride == [1, 1] && padding == [0, 0] && groups == 1
    }

    /// The convolution that turns the output's gradient into the input's: with the kernel turned by
    /// 180° and channels and outputs exchanged. `nil` with strides, more padding than kernel, or an
    /// input of twice as many positions as the output: each position costs as many products here, and
    /// scattering the products of the output's positions then is cheaper.
    var inputGradient: ConvolutionGeometry? {
        let padding = (0...1).map { extent[$0] - 1 - self.padding[$0] }
        guard stride == [1, 1], padding.allSatisfy({ $0 >= 0 }),
            height * width < 2 * outputHeight * outputWidth
        else { return nil }
        return ConvolutionGeometry(
            height: outputHeight, width: outputWidth, channels: outputs, outputs: channels,
            kernel: kernel, stride: [1, 1], padding: padding, dilation: dilation, groups: groups)
    }
}
