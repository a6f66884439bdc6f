import CIntegerKernels

/// Weights of a depthwise layer in runs of four taps of a row, for a kernel that reads the
/// values as they stand (`cik_direct_weights`).
final class DirectWeights: @unchecked Sendable {
    let view: cik_direct_weights
    private let tiles: DirectTiles
    private let rows: AlignedBuffer

    init(_ weights: SparseRows, _ tiles: DirectTiles) {
        let window = tiles.window
        let places = 4 * window.runs
        var rows = [Int8](repeating: 0, count: weights.outputs * places)
        for output in 0..<weights.outputs {
            for i in weights.starts[output]..<weights.starts[output + 1] {
                let (row, column) = Int(weights.columns[i]).quotientAndRemainder(
                    dividingBy: window.kernel[1])
                rows[output * places + 4 * row * window.runsOfRow + column] = weights.levels[i]
            }
        }
        self.tiles = tiles
        self.rows = AlignedBuffer(rows)
        view = cik_direct_weights(
            runs: window.runs, weights: self.rows.pointer(to: Int8.self),
            stride: Int32(window.stride[1]),
            reaches: tiles.reaches.pointer(to: cik_reach.self),
            orders: tiles.orders.pointer(to: UInt8.self),
            plane_stride: window.input[0] * window.input[1], fill: window.fill)
    }

    /// Of the weights and of the tables that belong to them.
    static func byteCount(outputs: Int, _ tiles: DirectTiles) -> Int {
        4 * tiles.window.runs * outputs + tiles.byteCount
    }
}
