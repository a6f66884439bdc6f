import CIntegerKernels
import PackedModel

/// What a depthwise convolution reads for each place of its output: the values as they stand.
///
/// Rows are read from one place to the next, and the output is as wide as the input; or every other
/// place is.
struct DirectWindow: Sendable {
    /// Height and width, as all below.
    let kernel, stride, padding: [Int]
    private let dilation: Int
    let input, output: [Int]
    /// The byte of real zero, which places outside the plane have.
    let fill: UInt8

    /// Of a whole network, tiles times runs. Further layers are copied: their tables would take long to
    /// make. MobileNetV2 has 6,000 at 224 × 224.
    static let mostTilesOfAll = 1 << 18

    /// `nil` where the kernel can not read so.
    init?(_ window: PackedWindow, over input: [Int], output: [Int], fill: UInt8) {
        let followsRows = window.stride == [1, 1] && output[1] == input[1]
        let reachesAhead = window.padding[1] + Int(CIK_TILE) <= Int(CIK_UNDERREAD)
        guard followsRows || window.stride[1] == 2, window.dilation[1] == 1, reachesAhead,
            window.kernel[0] * Self.runsOfRow(window.kernel) <= Int(CIK_DIRECT_RUNS)
        else { return nil }
        kernel = window.kernel
        stride = window.stride
        padding = window.padding
        dilation = window.dilation[0]
        self.input = input
        self.output = output
        self.fill = fill
    }

    /// Of four taps each.
    var runs: Int { kernel[0] * runsOfRow }

    /// For each row of the kernel.
    var runsOfRow: Int { Self.runsOfRow(kernel) }

    private static func runsOfRow(_ kernel: [Int]) -> Int { (kernel[1] + 3) / 4 }

    /// The first column of a run's taps.
    fileprivate func column(of run: Int) -> Int { run % runsOfRow * 4 }

    /// Nanoseconds for one weight and one tile. Where copies cost less than that they are made.
    func cost(_ costs: cik_costs) -> Double { costs.direct_weight * Double(runsOfRow) }

    /// The tiles that tables are made for, each once for every run.
    var tiles: Int { runs * (roundedUp(output[0] * rowStride, to: Int(CIK_TILE)) / Int(CIK_TILE)) }

    /// Places from one row of the output to the next in its tiles: with stride 2 they are whole quarters.
    var rowStride: Int { stride[1] == 2 ? roundedUp(output[1], to: 16) : output[1] }

    /// Where the first tap of a run is for a place in the tiles, inside the plane or not; `nil` if the place is
    /// no place of the output, or if the row is outside.
    fileprivate func position(of place: Int, run: Int) -> (y: Int, x: Int)? {
        let (row, column) = place.quotientAndRemainder(dividingBy: rowStride)
        let y = row * stride[0] - padding[0] + run / runsOfRow * dilation
        guard row < output[0], column < output[1], 0..<input[0] ~= y else { return nil }
        return (y, column * stride[1] - padding[1] + self.column(of: run))
    }
}

/// From where each tile of a depthwise layer's output takes its bytes, as `cik_direct_weights` has it.
///
/// Most tiles of a layer are sorted alike: they share their orders.
final class DirectTiles: Sendable {
    let window: DirectWindow
    /// `[tiles, runs]`
    let reaches: AlignedBuffer
    /// `[orders, 4, 64]`
    let orders: AlignedBuffer

    private static let tile = Int(CIK_TILE)

    init(_ window: DirectWindow) {
        let count = (window.output[0] - 1) * window.rowStride + window.output[1]
        var reaches: [cik_reach] = []
        var orders: [UInt8] = []
        var known: [[UInt8]: UInt32] = [:]
        for first in stride(from: 0, to: count, by: Self.tile) {
            for run in 0..<window.runs {
                let starts = Self.starts(of: window, first: first, run: run)
                let order = Self.order(of: window, first: first, run: run, starts)
                let number = known[order] ?? UInt32(known.count)
                if known.updateValue(number, forKey: order) == nil { orders += order }
                let places = starts.map(Int32.init)
                reaches.append(
                    cik_reach(
                        order: number, starts: (places[0], places[1], places[2], places[3])))
            }
        }
        self.window = window
        self.reaches = AlignedBuffer(reaches)
        self.orders = AlignedBuffer(orders)
    }

    var byteCount: Int { reaches.byteCount + orders.byteCount }

    /// Where the first tap of each quarter's first place is, as if all places of the tile were inside; 0 of what
    /// is outside as a whole.
    private static func starts(of window: DirectWindow, first: Int, run: Int) -> [Int] {
        let quarters = window.stride[1] == 2 ? 4 : 1
        let size = tile / quarters
        return (0..<4).map { quarter in
            guard quarter < quarters else { return 0 }
            let begin = first + quarter * size
            // From any place that is inside, back to the first one.
            for place in begin..<begin + size {
                guard let (y, x) = window.position(of: place, run: run) else { continue }
                return y * window.input[1] + x - (place - begin) * window.stride[1]
            }
            return 0
        }
    }

    /// `[4, 64]`
    private static func order(
        of window: DirectWindow, first: Int, run: Int, _ starts: [Int]
    ) -> [UInt8] {
        let taps = window.kernel[1] - window.column(of: run)
        return (0..<4 * tile).map { index in
            let (part, byte) = index.quotientAndRemainder(dividingBy: tile)
            let (quarter, four, tap) = (byte / 16, byte % 16 / 4, byte % 4)
            let (place, start): (Int, Int)
            if window.stride[1] == 2 {
                let half = part / 2 * 2 + quarter / 2
                place = 16 * half + 8 * (quarter % 2) + 4 * (part % 2) + four
                start = starts[half] + 16 * (quarter % 2) + 8 * (part % 2)
            } else {
                place = 16 * quarter + 4 * part + four
                start = starts[0] + 16 * quarter + (part == 3 ? 4 : 0)
            }
            guard let (y, x) = window.position(of: first + place, run: run),
                0..<window.input[1] ~= x + tap, tap < taps
            else { return 128 }
            return UInt8(y * window.input[1] + x + tap - start)
        }
    }
}
