import CFloatKernels
import CIntegerKernels
import PackedModel

/// Integer weights that are multiplied with codes on a grid of each sample's own (`DynamicGrid`).
///
/// With the code `q` of an input, `x ≈ s_x · (q − zero)`, the result of output `o` is
///
///     y[o] = (scale[o] · s_x) · (Σ level · q − zero · Σ level) + bias[o]
///
/// where the sums are exact integers and everything else is `Float` with one rounding an operation.
final class DynamicWeights: @unchecked Sendable {
    /// For a layer that reads its whole input; else for planes.
    let vector: VectorWeights?
    let planar: (weights: PlanarWeights, choice: PlanarChoice, geometry: PlaneGeometry)?
    /// `[outputs]`: the scales of weights, and the sums of levels.
    let scales: [Float]
    let levelSums: [Int32]
    let bound: Int
    let columnCount: Int

    private static let grid = PackedQuantizer(bits: 8, isSigned: false, scale: 1, offset: 0)
    /// Accumulators that a part of a layer keeps at a time (1 MB), if one output needs no more.
    private static let accumulatorCount = 1 << 18

    init(
        _ rows: SparseRows, node index: Int, of checked: CheckedModel, kernels: KernelSet,
        preference: KernelPreference
    ) throws(EngineError) {
        let node = checked.model.nodes[index]
        let layer = node.operation.layer!
        let costs = kernels.costs
        bound = try accumulatorBound(of: rows, reading: Self.grid, at: .node(node.name))
        scales = (0..<rows.outputs).map {
            layer.weights.scales[layer.weights.scales.count == 1 ? 0 : $0]
        }
        levelSums = (0..<rows.outputs).map { Int32(rows.sum(of: $0)) }
        columnCount = rows.columnCount
        if checked.readsWholeInput(index) {
            vector = VectorWeights(
                rows, highest: Self.grid.highest, costs: costs, preference: preference)
            planar = nil
        } else if case .convolution(_, let window) = node.operation {
            vector = nil
            let geometry = PlaneGeometry(
                window, over: checked.input(of: index), fill: 0, nonzeros: rows.nonzeros)
            let highest = Self.grid.highest
            let largest = rows.largestSum * Int(highest)
            let choice = PlanarChoice(
                rows, geometry: geometry, highest: highest, bound: largest, costs: costs,
                preference: preference)
            let weights = PlanarWeights(
                rows, choice, geometry: geometry, highest: highest, bound: largest)
            planar = (weights, choice, geometry)
        } else {
            preconditionFailure("a linear layer reads its whole input")
        }
    }

    var byteCount: Int {
        (vector?.byteCount ?? planar!.choice.byteCount) + 8 * scales.count
    }

    var kernel: (name: String, layout: String) { vector?.kernel ?? planar!.choice.kernel }

    var isSparse: Bool { vector?.isSparse ?? planar!.choice.isSparse }

    /// Bytes (or accumulators) from the first to the last place of an output.
    func span(of output: FloatImage) -> Int {
        (output.height - 1) * planar!.geometry.rowStride + output.width
    }

    /// Accumulators from one output to the next.
    func accumulatorStride(of output: FloatImage) -> Int {
        roundedUp(span(of: output), to: Int(CIK_TILE))
    }

    /// Bytes of the bits that kernels count, one for each accumulator of an output.
    func keptByteCount(of output: FloatImage) -> Int {
        planar == nil ? 0 : accumulatorStride(of: output) / 8
    }

    /// Outputs whose accumulators are kept at a time.
    func outputsInRun(of output: FloatImage) -> Int {
        min(max(Self.accumulatorCount / accumulatorStride(of: output), 1), output.channels)
    }

    /// What a thread needs for its part of the layer: room in which kernels sort, then accumulators.
    func scratchBytes(of output: FloatImage) -> (sorting: Int, sums: Int) {
        guard planar != nil else { return (0, roundedUp(output.channels, to: Int(CIK_ROWS)) * 4) }
        return (
            max(roundedUp(columnCount, to: 4), 8 * output.channels) * Int(CIK_TILE),
            outputsInRun(of: output) * accumulatorStride(of: output) * 4
        )
    }
}
