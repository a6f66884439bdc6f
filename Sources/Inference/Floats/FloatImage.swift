import CFloatKernels
import PackedModel

/// Sizes of a value in floats. A sample lies in memory as `[height, width, channels]`, a vector as one
/// position of many channels.
struct FloatImage: Sendable, Equatable {
    let channels, height, width: Int

    init(_ value: CheckedModel.Value) { (channels, height, width) = value.planes }

    var area: Int { height * width }
    var count: Int { channels * area }
    /// Whether the order in memory is also `[channels, height, width]`, that of files and features.
    var isChannelsFirst: Bool { channels == 1 || area == 1 }
}

/// A convolution over such images, or a linear layer over the features of a batch.
struct FloatWindow: Sendable {
    let input, output: FloatImage
    let window: PackedWindow

    private var channelsInGroup: Int { input.channels / window.groups }
    /// Weights of an output.
    var terms: Int { window.kernel[0] * window.kernel[1] * channelsInGroup }
    var outputsInGroup: Int { output.channels / window.groups }

    /// A product of each position's channels with the weights, and nothing else.
    var isPointwise: Bool {
        window.kernel == [1, 1] && window.stride == [1, 1] && window.padding == [0, 0]
            && window.groups == 1
    }

    var isDepthwise: Bool {
        window.groups > 1 && channelsInGroup == 1 && outputsInGroup == 1
    }

    /// The place of a weight with its outputs innermost, `[kernelHeight, kernelWidth, channels,
    /// outputs]`, from its column in files, `(channel, y, x)`.
    func place(ofColumn column: Int, output: Int) -> Int {
        let taps = window.kernel[0] * window.kernel[1]
        return (column % taps * channelsInGroup + column / taps) * self.output.channels + output
    }

    /// Columns of an image with its border to the left and to the right.
    var borderedWidth: Int { input.width + 2 * window.padding[1] }
    /// Whether the kernels need a copy of the image with that border.
    var hasBorder: Bool { window.padding[1] > 0 && !isDepthwise }

    /// The products of one group with one image; for a pointwise convolution those of one row of as
    /// many positions as the caller says.
    var products: cfk_window {
        let touches = window.groups == 1 && window.dilation[1] == 1
        return cfk_window(
            rows: Int64(isPointwise ? 1 : output.height), columns: Int64(output.width),
            outputs: Int64(outputsInGroup), output_pitch: Int64(output.channels),
            segments: Int64(window.kernel[0]), taps: Int64(touches ? 1 : window.kernel[1]),
            run: Int64(touches ? window.kernel[1] * channelsInGroup : channelsInGroup),
            tap_step: Int64(window.dilation[1] * input.channels),
            column_stride: Int64(window.stride[1] * input.channels),
            row_stride: Int64(window.stride[0]), row_step: Int64(window.dilation[0]),
            pitch: Int64(borderedWidth * input.channels), input_rows: Int64(input.height),
            top: Int64(window.padding[0]))
    }

    var depthwise: cfk_depthwise {
        cfk_depthwise(
            rows: Int64(output.height), columns: Int64(output.width),
            channels: Int64(input.channels), kernel_height: Int64(window.kernel[0]),
            kernel_width: Int64(window.kernel[1]), row_stride: Int64(window.stride[0]),
            column_stride: Int64(window.stride[1]), row_step: Int64(window.dilation[0]),
            column_step: Int64(window.dilation[1]), pitch: Int64(input.width * input.channels),
            input_rows: Int64(input.height), top: Int64(window.padding[0]),
            input_columns: Int64(input.width), left: Int64(window.padding[1]),
            padding: 0)
    }
}

extension cfk_pooling {
    init(_ window: PackedWindow, from input: FloatImage, to output: FloatImage) {
        self.init(
            height: Int64(input.height), width: Int64(input.width),
            channels: Int64(input.channels), kernel_height: Int64(window.kernel[0]),
            kernel_width: Int64(window.kernel[1]), stride_height: Int64(window.stride[0]),
            stride_width: Int64(window.stride[1]), top: Int64(window.padding[0]),
            left: Int64(window.padding[1]), output_height: Int64(output.height),
            output_width: Int64(output.width))
    }
}

extension cfk_activation {
    init(_ activation: PackedActivation) {
        self =
            switch activation {
            case .identity: cfk_activation(kind: cfk_identity, a: 0, b: 0)
            case .relu: cfk_activation(kind: cfk_relu_function, a: 0, b: 0)
            case .clip(let lowest, let highest):
                cfk_activation(kind: cfk_clip, a: lowest, b: highest)
            case .leakyReLU(let slope): cfk_activation(kind: cfk_leaky_relu, a: slope, b: 0)
            case .sigmoid: cfk_activation(kind: cfk_sigmoid, a: 0, b: 0)
            case .hardSigmoid: cfk_activation(kind: cfk_hard_sigmoid, a: 0, b: 0)
            case .silu: cfk_activation(kind: cfk_silu, a: 0, b: 0)
            case .hardSwish: cfk_activation(kind: cfk_hard_swish, a: 0, b: 0)
            }
    }
}

extension cfk_isa {
    /// The instruction set of the float kernels that goes with a variant of the integer kernels.
    init(_ kernels: KernelSet) {
        let wanted =
            switch kernels.isa {
            case "avx512", "avx512vnni": cfk_avx512
            case "avx2": cfk_avx2
            default: cfk_generic
            }
        self = wanted.rawValue < cfk_best_isa().rawValue ? wanted : cfk_best_isa()
    }

    var name: String { String(cString: cfk_isa_name(self)) }
}
