import CIntegerKernels
import PackedModel

/// How the planes of a value lie where convolutions read them as they stand: with places of real zero
/// around each.
///
/// The border to the left of a row is that to the right of the one above, and the one above a plane that
/// below the plane before. The first place of each plane stands at a whole line of the cache, so that a
/// layer writes whole tiles, and pointwise layers read them.
struct Border: Hashable, Sendable {
    /// Places on each side.
    let padding: Int
    let height, width: Int

    /// Places from one row to the next.
    var rowStride: Int { width + padding }
    /// Before the first place of all, behind the last one, and at least between two planes.
    var gap: Int { padding * rowStride + padding }
    /// From the first to behind the last place of a plane.
    var span: Int { (height - 1) * rowStride + width }
    /// Places from one plane to the next.
    var channelStride: Int { wholeLines(span + gap) }

    /// Places of all planes, with room in front of the first.
    func count(channels: Int) -> Int { front + channels * channelStride }
    /// The first place of all is so far from the beginning.
    var front: Int { roundedUp(gap, to: 64) }

    /// `nil` for planes so small that lines would be half empty, so narrow that more than a fifth of
    /// what is computed would be border, or so low that the border would be larger than they are:
    /// values then keep their sizes, which have been checked, to a factor of 3.2.
    init?(padding: Int, height: Int, width: Int) {
        (self.padding, self.height, self.width) = (padding, height, width)
        let needed = span + gap
        guard padding > 0, width >= 4 * padding, needed <= 2 * height * width,
            channelStride * 5 <= needed * 8
        else { return nil }
    }

    /// The copy that makes such planes, from `gap` places before the first one on, of planes that lie
    /// otherwise; `gap` places behind them are to be filled, too.
    func copy(channels: Int, from border: Border?, fill: UInt8) -> cik_planes {
        cik_planes(
            channels: channels, height: height, width: width,
            row_stride: border?.rowStride ?? width,
            channel_stride: border?.channelStride ?? height * width, padding_height: padding,
            padding_width: padding, stride_height: 1, stride_width: 1, phases_height: 1,
            phases_width: 1, plane_height: height + padding, plane_width: rowStride,
            plane_stride: channelStride, fill: fill)
    }

    /// The copy without a border.
    func removal(channels: Int) -> cik_planes {
        cik_planes(
            channels: channels, height: height, width: width, row_stride: rowStride,
            channel_stride: channelStride, padding_height: 0, padding_width: 0, stride_height: 1,
            stride_width: 1, phases_height: 1, phases_width: 1, plane_height: height,
            plane_width: width, plane_stride: height * width, fill: 0)
    }
}

/// Positions rounded up to whole lines of the cache; planes a multiple of 4 KB apart would all fall into
/// the same places of it.
func wholeLines(_ size: Int) -> Int {
    let stride = roundedUp(size, to: 64)
    return stride.isMultiple(of: 4096) ? stride + 64 : stride
}
