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

    public init(
        height: Int, width: Int, channels: Int, outputs: Int, kernel: [Int], stride: [Int],
        padding: [Int]
    ) {
        self.height = height
        self.width = width
        self.channels = channels
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
    }

    public var outputHeight: Int { (height + 2 * padding[0] - kernel[0]) / stride[0] + 1 }
    public var outputWidth: Int { (width + 2 * padding[1] - kernel[1]) / stride[1] + 1 }
    public var inputCount: Int { height * width * channels }
    public var outputCount: Int { outputHeight * outputWidth * outputs }
    public var weightCount: Int { kernel[0] * kernel[1] * channels * outputs }
}
