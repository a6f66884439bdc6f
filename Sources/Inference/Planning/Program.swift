import CIntegerKernels
import PackedModel

/// The steps of a run with `lanes` samples side by side, and the arena they use.
struct Program: Sendable {
    /// A buffer of ``ArenaLayout``, by number.
    typealias Buffer = Int

    enum Step: Sendable {
        case planes(cik_planes, from: Buffer, to: Buffer)
        case pooling(cik_pooling, from: Buffer, to: Buffer)
        /// A fully connected layer for one sample.
        case vector(node: Int, from: Buffer, accumulators: Buffer, to: Buffer?)
        case planar(PlanarStep)
    }

    /// A layer over planes: bands of rows, and in each band groups of outputs.
    struct PlanarStep: Sendable {
        var node: Int
        var from, accumulators: Buffer
        /// `nil` for logits.
        var to: Buffer?
        var outputs, height, width: Int
        /// Positions from one row to the next in what is read.
        var rowStride: Int
        var rowsInBand, outputsInGroup: Int
        /// From one output's accumulators to the next.
        var accumulatorStride: Int
    }

    let lanes: Int
    private(set) var steps: [Step] = []
    private(set) var layout = ArenaLayout()
    /// Holds the bytes of the input.
    private(set) var input: Buffer = 0

    /// Accumulators that a layer keeps at a time (32 KB), if one row of one output needs no more.
    private static let accumulatorCount = 8192
    /// Positions that a band should have: its bytes of some channels stay in the first cache.
    private static let bandLength = 1024

    init(_ checked: CheckedModel, geometries: [PlaneGeometry?], lanes: Int) {
        self.lanes = lanes
        input = layout.add(byteCount: checked.values[0].count * lanes, at: 0)
        // The buffer of each value; flattening moves no data.
        var buffers = [input]
        for (index, node) in checked.model.nodes.enumerated() {
            let from = buffers[node.inputs[0]]
            switch node.operation {
            case .flatten:
                buffers.append(from)
            case .maxPooling(let window):
                let to = addResult(of: index, checked)!
                append(.pooling(Self.pooling(window, index, checked), from: from, to: to), from)
                buffers.append(to)
            case .linear, .convolution:
                let to = addResult(of: index, checked)
                buffers.append(to ?? from)
                let copied = addPlanes(geometries[index], from: from, to: to)
                addLayer(index, checked, geometries[index], from: copied, to: to)
            default: fatalError("not yet")
            }
        }
        layout.place()
    }

    /// Appends a step that reads `from`.
    private mutating func append(_ step: Step, _ from: Buffer) {
        steps.append(step)
        layout.extend(from, to: steps.count - 1)
    }

    /// The buffer of a node's result; none for logits.
    private mutating func addResult(of index: Int, _ checked: CheckedModel) -> Buffer? {
        let value = checked.values[index + 1]
        guard value.quantizer != nil else { return nil }
        return layout.add(byteCount: value.count * lanes, at: steps.count)
    }

    /// Makes the bordered copy that a convolution reads, if it needs one.
    private mutating func addPlanes(
        _ geometry: PlaneGeometry?, from: Buffer, to result: Buffer?
    ) -> Buffer {
        guard let geometry, let planes = geometry.copy else { return from }
        let copy = layout.add(byteCount: geometry.copiedCount * lanes, at: steps.count)
        append(.planes(planes, from: from, to: copy), from)
        if let result { layout.extend(result, to: steps.count) }
        return copy
    }

    private mutating func addLayer(
        _ index: Int, _ checked: CheckedModel, _ geometry: PlaneGeometry?, from: Buffer,
        to: Buffer?
    ) {
        let output = checked.values[index + 1].planes
        if lanes == 1, case .linear = checked.model.nodes[index].operation {
            let count = roundedUp(output.channels, to: Int(CIK_ROWS))
            let sums = layout.add(byteCount: count * 4, at: steps.count)
            append(.vector(node: index, from: from, accumulators: sums, to: to), from)
            return
        }
        let rowStride = geometry?.rowStride ?? 1
        let rows = min(max(Self.bandLength / (rowStride * lanes), 1), output.height)
        let length = ((rows - 1) * rowStride + output.width) * lanes
        let stride = roundedUp(length, to: Int(CIK_TILE))
        let group = min(max(Self.accumulatorCount / stride, 1), output.channels)
        let sums = layout.add(byteCount: group * stride * 4, at: steps.count)
        append(
            .planar(
                PlanarStep(
                    node: index, from: from, accumulators: sums, to: to,
                    outputs: output.channels, height: output.height, width: output.width,
                    rowStride: rowStride, rowsInBand: rows, outputsInGroup: group,
                    accumulatorStride: stride)),
            from)
    }

    private static func pooling(
        _ window: PackedWindow, _ index: Int, _ checked: CheckedModel
    ) -> cik_pooling {
        let input = checked.input(of: index).planes
        let output = checked.values[index + 1].planes
        return cik_pooling(
            channels: input.channels, height: input.height, width: input.width,
            kernel_height: window.kernel[0], kernel_width: window.kernel[1],
            stride_height: window.stride[0], stride_width: window.stride[1],
            output_height: output.height, output_width: output.width)
    }
}
