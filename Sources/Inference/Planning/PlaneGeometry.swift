import CIntegerKernels
import PackedModel

#if canImport(Glibc)
    import Glibc
#endif

/// How a layer reads its input as planes: where each weight's plane starts, and how rows follow.
///
/// A fully connected layer reads planes of one position. A convolution reads a bordered copy with one
/// plane for each phase of its stride (`cik_planes`), or the values as they stand if it has neither
/// border nor stride. Or it reads values that have a border of their own (`Border`).
struct PlaneGeometry: Sendable {
    /// The border that the input has to have, if any, and the first place that is read of it, as places
    /// before the first one of the input.
    var border: Border?
    var reachBefore = 0
    /// The copy to make first, if any.
    var copy: cik_planes?
    /// Whether it takes rows one by one, and so from planes with any border; one that only begins planes at
    /// whole lines of the cache takes each as one row.
    private(set) var copiesRows = false
    /// Bytes of the copy for one lane.
    var copiedCount = 0
    /// One for each column of the weights: positions from the start of its group's first plane.
    var offsets: [UInt32]
    /// Positions from one row of the output to the next.
    var rowStride = 1
    /// Equal runs of channels and of outputs.
    var groups = 1
    /// Positions from one group's first plane to that of the next.
    var groupStride = 0
    var channelsInGroup = 1
    /// Of a depthwise layer whose kernel for one lane reads the values as they stand.
    var direct: DirectTiles?
    /// Bytes of a channel that four tiles of an output read, in whole lines of the cache.
    private var bytesOfFourTiles = 64
    /// Of that, what is taken to be in the first cache together. Where an output reads all of a plane,
    /// in no order, that has to fit beside weights and results: 512 channels of 7 × 7 in one block of 40
    /// KB took 1.24 times as long as in two with a first cache of 32 KB. Larger planes are read along
    /// rows, and in blocks for 24 or 32 KB took 1.1 to 1.3 times as long.
    private var cacheBytes: Int {
        bytesOfFourTiles == channelSize ? Self.firstCache / 8 * 7 : 40 << 10
    }
    /// Of a convolution, from one channel to the next.
    private var channelSize = 0

    init(inputs: Int) {
        offsets = (0..<UInt32(inputs)).map { $0 }
        channelsInGroup = inputs
    }

    /// The convolution of values that have a border, without stride.
    init(_ window: PackedWindow, over input: CheckedModel.Value, border: Border) {
        let (kernel, padding) = (window.kernel, window.padding)
        self.border = border
        reachBefore = padding[0] * border.rowStride + padding[1]
        groups = window.groups
        channelsInGroup = input.planes.channels / groups
        channelSize = border.channelStride
        groupStride = channelsInGroup * channelSize
        rowStride = border.rowStride
        let below = window.dilation[0] * (kernel[0] - 1) * rowStride
        let read = 4 * 64 + below + window.dilation[1] * (kernel[1] - 1)
        bytesOfFourTiles = min(roundedUp(read, to: 64) + 64, channelSize)
        offsets = []
        for channel in 0..<channelsInGroup {
            for ky in 0..<kernel[0] {
                for kx in 0..<kernel[1] {
                    let place = ky * window.dilation[0] * rowStride + kx * window.dilation[1]
                    offsets.append(UInt32(channel * channelSize + place))
                }
            }
        }
    }

    /// The convolution of `input` by `window`, with so many nonzero weights; `fill` is the byte of real
    /// zero. Rows of what it makes are to lie at least `leastRowStride` places apart, where it has a stride.
    init(
        _ window: PackedWindow, over input: CheckedModel.Value, fill: UInt8, nonzeros: Int,
        leastRowStride: Int = 0
    ) {
        let (channels, height, width) = input.planes
        let (kernel, stride, padding) = (window.kernel, window.stride, window.padding)
        let reach = (0..<2).map { window.dilation[$0] * (kernel[$0] - 1) + 1 }
        let isCopied = stride != [1, 1] || padding != [0, 0]
        // Without phases the border to the left of a row is that to the right of the one above; so
        // there is one more row below the last. (A kernel narrower than the border sees more of it; one
        // wider than a row with its border would read a place for two taps, which kernels that keep
        // weights by place can not.)
        let bordersAreShared =
            stride == [1, 1] && (1..<reach[1]).contains(padding[1])
            && width + padding[1] >= reach[1]
        let plane = (
            height: roundedUp(height + 2 * padding[0], to: stride[0]) / stride[0]
                + (bordersAreShared ? 1 : 0),
            width: bordersAreShared
                ? width + padding[1]
                : max(
                    roundedUp(width + 2 * padding[1], to: stride[1]) / stride[1],
                    stride[1] > 1 ? leastRowStride : 0)
        )
        // Phases that no tap reads are left out.
        let phases = (height: min(stride[0], reach[0]), width: min(stride[1], reach[1]))
        let planeSize = plane.height * plane.width
        let planeStride = isCopied ? Self.stride(ofPlane: planeSize) : planeSize
        let channelSize = phases.height * phases.width * planeStride
        offsets = []
        rowStride = plane.width
        groups = window.groups
        channelsInGroup = channels / groups
        groupStride = channelsInGroup * channelSize
        let read = 4 * 64 + (reach[0] - 1) / stride[0] * plane.width + reach[1] - 1
        bytesOfFourTiles = min(roundedUp(read, to: 64) + 64, channelSize)
        self.channelSize = channelSize
        for channel in 0..<channelsInGroup {
            for ky in 0..<kernel[0] {
                for kx in 0..<kernel[1] {
                    let (y, x) = (ky * window.dilation[0], kx * window.dilation[1])
                    let phase = y % stride[0] * phases.width + x % stride[1]
                    let place = y / stride[0] * plane.width + x / stride[1]
                    offsets.append(UInt32(channel * channelSize + phase * planeStride + place))
                }
            }
        }
        guard isCopied else {
            if kernel == [1, 1] && nonzeros >= Self.leastReads * channels { align(input) }
            return
        }
        copiedCount = channels * channelSize
        copiesRows = true
        copy = cik_planes(
            channels: channels, height: height, width: width, row_stride: width,
            channel_stride: height * width, padding_height: padding[0], padding_width: padding[1],
            stride_height: stride[0], stride_width: stride[1],
            phases_height: phases.height, phases_width: phases.width,
            plane_height: plane.height, plane_width: plane.width, plane_stride: planeStride,
            fill: fill)
    }

    /// Blocks of channels such that four tiles of a block stay in the first cache.
    var blocks: Int {
        max(1, roundedUp(channelsInGroup * bytesOfFourTiles, to: cacheBytes) / cacheBytes)
    }

    /// Tiles of all channels that stay in the first cache; a multiple of 4.
    var band: Int { max(1, cacheBytes / (channelsInGroup * bytesOfFourTiles)) * 4 }

    /// Bytes of this CPU's first cache, or what most have.
    private static let firstCache: Int = {
        #if canImport(Glibc)
            let bytes = sysconf(Int32(_SC_LEVEL1_DCACHE_SIZE))
            if bytes >= 16 << 10 { return bytes }
        #endif
        return 32 << 10
    }()

    /// So often each channel has to be read that a copy at whole lines of the cache pays.
    private static let leastReads = 8

    /// Begins every plane at a multiple of 64 bytes: reads across the ends of lines take twice as long.
    private mutating func align(_ input: CheckedModel.Value) {
        let (channels, height, width) = input.planes
        let area = height * width
        let stride = roundedUp(area, to: 64)
        guard area > 1, stride > area else { return }
        offsets = (0..<UInt32(channelsInGroup)).map { $0 * UInt32(stride) }
        groupStride = channelsInGroup * stride
        bytesOfFourTiles = min(4 * 64, stride)
        channelSize = stride
        copiedCount = channels * stride
        // A plane is one row.
        copy = cik_planes(
            channels: channels, height: 1, width: area, row_stride: area, channel_stride: area,
            padding_height: 0, padding_width: 0,
            stride_height: 1, stride_width: 1, phases_height: 1, phases_width: 1,
            plane_height: 1, plane_width: area, plane_stride: stride, fill: 0)
    }

    /// Positions from one bordered plane to the next: large ones begin at whole lines of the cache, so
    /// that at least some taps do not read across the ends of lines (12 % faster at 28×28 and 56×56).
    private static func stride(ofPlane size: Int) -> Int {
        size < 192 ? size : wholeLines(size)
    }
}
