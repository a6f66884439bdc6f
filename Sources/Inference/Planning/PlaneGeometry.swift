import CIntegerKernels
import PackedModel

/// How a layer reads its input as planes: where each weight's plane starts, and how rows follow.
///
/// A fully connected layer reads planes of one position. A convolution reads a bordered copy with one
/// plane for each phase of its stride (`cik_planes`), or the values as they stand if it has neither
/// border nor stride.
struct PlaneGeometry: Sendable {
    /// The copy to make first, if any.
    var copy: cik_planes?
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
    /// Bytes of a channel that four tiles of an output read, in whole lines of the cache.
    private var bytesOfFourTiles = 64
    /// A first cache (32 or 48 KB) holds so many bytes of planes beside weights and results.
    private static let cacheBytes = 40 << 10

    init(inputs: Int) {
        offsets = (0..<UInt32(inputs)).map { $0 }
        channelsInGroup = inputs
    }

    /// The convolution of `input` by `window`; `fill` is the byte of real zero.
    init(_ window: PackedWindow, over input: CheckedModel.Value, fill: UInt8) {
        let (channels, height, width) = input.planes
        let (kernel, stride, padding) = (window.kernel, window.stride, window.padding)
        let reach = (0..<2).map { window.dilation[$0] * (kernel[$0] - 1) + 1 }
        let isCopied = stride != [1, 1] || padding != [0, 0]
        // Without phases the border to the left of a row is that to the right of the one above; so
        // there is one more row below the last. (A kernel narrower than the border sees more of it.)
        let bordersAreShared = stride == [1, 1] && (1..<reach[1]).contains(padding[1])
        let plane = (
            height: roundedUp(height + 2 * padding[0], to: stride[0]) / stride[0]
                + (bordersAreShared ? 1 : 0),
            width: bordersAreShared
                ? width + padding[1]
                : roundedUp(width + 2 * padding[1], to: stride[1]) / stride[1]
        )
        // Phases that no tap reads are left out.
        let phases = (height: min(stride[0], reach[0]), width: min(stride[1], reach[1]))
        let channelSize = phases.height * phases.width * plane.height * plane.width
        offsets = []
        rowStride = plane.width
        groups = window.groups
        channelsInGroup = channels / groups
        groupStride = channelsInGroup * channelSize
        let read = 4 * 64 + (reach[0] - 1) / stride[0] * plane.width + reach[1] - 1
        bytesOfFourTiles = min(roundedUp(read, to: 64) + 64, channelSize)
        for channel in 0..<channelsInGroup {
            for ky in 0..<kernel[0] {
                for kx in 0..<kernel[1] {
                    let (y, x) = (ky * window.dilation[0], kx * window.dilation[1])
                    let phase = y % stride[0] * phases.width + x % stride[1]
                    let row = phase * plane.height + y / stride[0]
                    let place = row * plane.width + x / stride[1]
                    offsets.append(UInt32(channel * channelSize + place))
                }
            }
        }
        guard isCopied else { return }
        copiedCount = channels * channelSize
        copy = cik_planes(
            channels: channels, height: height, width: width, padding_height: padding[0],
            padding_width: padding[1], stride_height: stride[0], stride_width: stride[1],
            phases_height: phases.height, phases_width: phases.width,
            plane_height: plane.height, plane_width: plane.width, fill: fill)
    }

    /// Blocks of channels such that four tiles of a block stay in the first cache.
    var blocks: Int {
        max(1, roundedUp(channelsInGroup * bytesOfFourTiles, to: Self.cacheBytes) / Self.cacheBytes)
    }

    /// Tiles of all channels that stay in the first cache; a multiple of 4.
    var band: Int { max(1, Self.cacheBytes / (channelsInGroup * bytesOfFourTiles)) * 4 }

    /// Positions from the first plane of all to the first one that `output` reads.
    func start(of output: Int, outputs: Int) -> UInt32 {
        UInt32(output / (outputs / groups) * groupStride)
    }
}
