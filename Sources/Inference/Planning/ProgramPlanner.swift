import CIntegerKernels
import PackedModel

/// Turns the nodes of a model into the steps of a program, one by one.
struct ProgramPlanner {
    private typealias Location = Program.Location

    private(set) var steps: [Program.Step] = []
    private(set) var layout = ArenaLayout()
    /// Holds the bytes of the input, or of the value that the first node reads.
    let input: Program.Buffer
    private let lanes: Int
    private let checked: CheckedModel
    private let sums: ResidualSums
    private let borders: ValueBorders
    /// Where each value is, with the border that it has from the beginning.
    private var locations: [Location] = []
    /// Where copies of values with another border are.
    private var copies: [Copy: Location] = [:]
    /// Results of additions that a layer has done already.
    private var added: [Int: Location] = [:]

    private struct Copy: Hashable {
        var value: Int
        var border: Border?
    }

    /// Accumulators that a layer without a quantizer keeps at a time (1 MB), if one output needs no
    /// more.
    private static let accumulatorCount = 1 << 18

    /// What a depthwise layer copies of its input at a time. Large planes stay in the first cache; with
    /// small ones, calls for a few channels would cost as much as is saved: on MobileNetV2, 96 × 112 ×
    /// 112 with stride 2 takes 165 µs with 24 KB and 192 with 128, 192 × 28 × 28 takes 47 and 40.
    private static func copiedBytes(channel: Int) -> Int { (channel > 2048 ? 24 : 128) << 10 }

    /// - Parameter first: the first node, which reads the value just before it.
    init(
        _ checked: CheckedModel, from first: Int, rules: [PackedRule?], borders: ValueBorders,
        lanes: Int
    ) {
        self.checked = checked
        self.borders = borders
        sums = ResidualSums(checked, rules: rules)
        self.lanes = lanes
        input = layout.add(byteCount: checked.values[first].count * lanes, at: 0)
        locations = [Location](repeating: Location(buffer: input), count: first + 1)
        copies[Copy(value: first, border: nil)] = locations[first]
    }

    /// Appends the steps of node `index`.
    mutating func append(node index: Int, _ geometry: PlaneGeometry?) {
        let node = checked.model.nodes[index]
        let value = checked.values[index + 1]
        if let sum = added[index] {
            locations.append(sum)
            return
        }
        if let geometry, let border = geometry.border {
            addLayer(index, geometry, reading: border)
            return
        }
        if addMeanWithBorder(index) || addMaxPooling(index) { return }
        var geometry = geometry
        let from: [Location]
        if let copied = geometry, copied.copiesRows, copied.direct == nil || lanes > 1 {
            from = [locations[node.inputs[0]]]
            if let border = borders.ofValues[node.inputs[0]] {
                geometry?.copy?.row_stride = border.rowStride
                geometry?.copy?.channel_stride = border.channelStride
            }
        } else {
            from = node.inputs.map { location(of: $0, border: nil) }
        }
        // What moves no data has its input's place; logits are moved by nobody.
        switch node.operation {
        case .flatten, .reshape:
            locations.append(from[0])
            return
        case .slice(let channels):
            let skipped = channels.lowerBound * (value.count / value.shape[0]) * lanes
            locations.append(Location(buffer: from[0].buffer, offset: from[0].offset + skipped))
            return
        case .softmax:
            steps.append(.softmax)
            locations.append(from[0])
            return
        default: break
        }
        let residual = geometry == nil ? nil : residual(of: index)
        let to = addResult(of: index, residual)
        locations.append(to ?? from[0])
        if let geometry, geometry.direct != nil, lanes == 1 {
            addDirectLayer(index, geometry, from: from[0], to: to!, residual)
        } else if let geometry {
            let copiesChannels =
                to != nil && geometry.copy != nil && geometry.channelsInGroup == 1
                && geometry.groups == value.planes.channels
            let read = copiesChannels ? from[0] : addPlanes(geometry, from: from[0], to: to)
            addLayer(
                index, geometry, from: read, to: to, residual, copiesChannels: copiesChannels)
        } else if let to {
            addStep(index, from: from, to: to)
        }
    }

    /// A layer that reads values with a border.
    private mutating func addLayer(
        _ index: Int, _ geometry: PlaneGeometry, reading border: Border
    ) {
        var from = location(of: checked.model.nodes[index].inputs[0], border: border)
        from.offset -= geometry.reachBefore * lanes
        let residual = residual(of: index)
        let to = addResult(of: index, residual)
        locations.append(to ?? from)
        addLayer(index, geometry, from: from, to: to, residual, copiesChannels: false)
    }

    /// Appends a pooling that reads and writes any border.
    private mutating func addMaxPooling(_ index: Int) -> Bool {
        guard case .maxPooling(let window) = checked.model.nodes[index].operation,
            let to = addResult(of: index, nil)
        else { return false }
        let input = checked.model.nodes[index].inputs[0]
        let (from, border) = (locations[input], borders.ofValues[index + 1])
        let pooling = pooling(window, index, from: borders.ofValues[input], to: border)
        let around = border.map {
            Program.Surroundings(border: $0, fill: checked.fill(of: checked.values[index + 1]))
        }
        append(.maxPooling(pooling, from: from, to: to, around: around), [from], to)
        locations.append(to)
        return true
    }

    /// Appends the mean of whole planes with a border: as rows of one, the border's places taken off the
    /// sum.
    private mutating func addMeanWithBorder(_ index: Int) -> Bool {
        let node = checked.model.nodes[index]
        let input = checked.input(of: index).planes
        guard case .averagePooling(let window, _) = node.operation,
            window.kernel == [input.height, input.width], window.padding == [0, 0],
            let border = borders.ofValues[node.inputs[0]],
            border.span * Int(UInt8.max) <= Int(Int32.max), let to = addResult(of: index, nil)
        else { return false }
        let row = cik_pooling(
            channels: input.channels, height: 1, width: border.span, kernel_height: 1,
            kernel_width: border.span, stride_height: 1, stride_width: 1, padding_height: 0,
            padding_width: 0, output_height: 1, output_width: 1, row_stride: border.span,
            channel_stride: border.channelStride, output_row_stride: 1, output_channel_stride: 1)
        let averaging = Program.Averaging(
            windows: row, fill: checked.fill(of: index),
            borderCount: border.span - input.height * input.width)
        let from = locations[node.inputs[0]]
        append(.averagePooling(averaging, node: index, from: from, to: to), [from], to)
        locations.append(to)
        return true
    }

    /// Where a value is with such a border, or without one; a copy is made once.
    private mutating func location(of value: Int, border: Border?) -> Location {
        let found = borders.ofValues[value]
        if found == border { return locations[value] }
        let copy = Copy(value: value, border: border)
        if let location = copies[copy] { return location }
        let (from, input) = (locations[value], checked.values[value])
        var to: Location
        if let border {
            let planes = border.copy(
                channels: input.planes.channels, from: found, fill: checked.fill(of: input))
            to = newBuffer(border.count(channels: input.planes.channels))
            to.offset += (border.front - border.gap) * lanes
            append(.planes(planes, from: from, to: to, behind: border.gap * lanes), [from], to)
            to.offset += border.gap * lanes
        } else {
            to = newBuffer(input.count)
            let planes = found!.removal(channels: input.planes.channels)
            append(.planes(planes, from: from, to: to), [from], to)
        }
        copies[copy] = to
        return to
    }

    /// The addition that layer `index` does on the way.
    private mutating func residual(of index: Int) -> Program.Residual? {
        let isPlanar = lanes > 1 || !checked.readsWholeInput(index)
        guard isPlanar, let node = sums.addition(ofLayer: index) else { return nil }
        let other = location(of: sums.other(of: node), border: borders.ofValues[node + 1])
        return .init(node: node, own: sums.own(of: node), other: other)
    }

    /// Appends the step or steps of an operation without weights.
    private mutating func addStep(_ index: Int, from: [Location], to: Location) {
        let node = checked.model.nodes[index]
        let value = checked.values[index + 1]
        switch node.operation {
        case .averagePooling(let window, _):
            let averaging = Program.Averaging(
                windows: pooling(window, index), fill: checked.fill(of: index))
            append(.averagePooling(averaging, node: index, from: from[0], to: to), from, to)
        case .add:
            append(
                .addition(node: index, from: from, count: value.count * lanes, to: to), from, to)
        case .multiply:
            let quantizer = checked.input(of: index).quantizer!
            let shape = Program.ProductShape(
                channels: value.planes.channels, area: value.planes.height * value.planes.width,
                isOnePerChannel: checked.inputs(of: index)[1].shape != value.shape,
                highest: quantizer.highest - quantizer.lowest)
            append(.multiplication(node: index, shape, from: from, to: to), from, to)
        case .function:
            append(
                .lookup(
                    node: index, input: 0, from: from[0], count: value.count * lanes, to: to),
                from, to)
        case .concatenation:
            var part = to
            for (number, input) in checked.inputs(of: index).enumerated() {
                let count = input.count * lanes
                append(
                    .lookup(node: index, input: number, from: from[number], count: count, to: part),
                    [from[number]], to)
                part.offset += count
            }
        case .channelShuffle(let groups):
            let channels = value.shape[0]
            let size = value.count / channels * lanes
            append(
                .channelShuffle(
                    groups: groups, channels: channels, size: size, from: from[0], to: to),
                from, to)
        case .padding(let border):
            append(.planes(bordered(index, border), from: from[0], to: to), from, to)
        default:
            preconditionFailure("'\(node.name)' has been planned before")
        }
    }

    /// Appends a step with what it reads and where it writes.
    private mutating func append(_ step: Program.Step, _ from: [Location], _ to: Location?) {
        steps.append(step)
        for location in from { layout.extend(location.buffer, to: steps.count - 1) }
        if let to { layout.extend(to.buffer, to: steps.count - 1) }
    }

    /// The place of a node's result, or of the sum that it adds to; none for logits.
    private mutating func addResult(of index: Int, _ residual: Program.Residual?) -> Location? {
        let result = (residual?.node ?? index) + 1
        let value = checked.values[result]
        guard value.quantizer != nil else { return nil }
        var place: Location
        if let border = borders.ofValues[result] {
            place = newBuffer(border.count(channels: value.planes.channels))
            place.offset += border.front * lanes
        } else {
            place = newBuffer(value.count)
        }
        if let residual { added[residual.node] = place }
        return place
    }

    /// Room for `count` bytes of each lane, from the next step on.
    private mutating func newBuffer(_ count: Int) -> Location {
        Location(
            buffer: layout.add(byteCount: count * lanes, at: steps.count))
    }

    /// Makes the bordered copy that a convolution reads, if it needs one.
    private mutating func addPlanes(
        _ geometry: PlaneGeometry, from: Location, to result: Location?
    ) -> Location {
        guard let planes = geometry.copy else { return from }
        let copy = newBuffer(geometry.copiedCount)
        append(.planes(planes, from: from, to: copy), [from], copy)
        return copy
    }

    private mutating func addLayer(
        _ index: Int, _ geometry: PlaneGeometry, from: Location, to: Location?,
        _ residual: Program.Residual?, copiesChannels: Bool
    ) {
        let output = checked.values[index + 1].planes
        if lanes == 1, checked.readsWholeInput(index) {
            let count = roundedUp(output.channels, to: Int(CIK_ROWS))
            let sums = layout.add(byteCount: count * 4, at: steps.count)
            append(.vector(node: index, from: from, accumulators: sums, to: to), [from], to)
            return
        }
        let columns = checked.weights[index]!.columnCount
        let sorted = max(roundedUp(columns, to: 4), 8 * output.channels) * Int(CIK_TILE)
        var copy: Program.ChannelCopy?
        var copied = 0
        if copiesChannels, let planes = geometry.copy {
            let channelBytes = geometry.groupStride * lanes
            let channels = min(
                max(Self.copiedBytes(channel: channelBytes) / channelBytes, 1), geometry.groups)
            copy = .init(planes: planes, channels: channels, offset: sorted)
            // Kernels read whole tiles, and so beyond the last channel.
            copied = (channels + 1) * channelBytes + 4 * Int(CIK_TILE) * lanes
        }
        let scratch = layout.add(byteCount: sorted + copied, at: steps.count)
        var step = Program.PlanarStep(
            node: index, from: from, scratch: scratch, band: lanes == 1 ? geometry.band : 4,
            to: to, accumulators: nil,
            outputsInRun: output.channels, outputs: output.channels, height: output.height,
            width: output.width, groups: geometry.groups,
            groupStride: geometry.groupStride * lanes, rowStride: geometry.rowStride,
            keptBytes: keptBytes(output, rowStride: geometry.rowStride), copy: copy,
            residual: residual)
        step.border = borders.ofWriting[index]
        if step.border != nil {
            let result = (residual?.node ?? index) + 1
            step.fill = checked.fill(of: checked.values[result])
        }
        if to == nil {
            let stride = step.keptBytes.tiles * Int(CIK_TILE)
            step.outputsInRun = min(max(Self.accumulatorCount / stride, 1), output.channels)
            step.accumulators = layout.add(
                byteCount: step.outputsInRun * stride * 4, at: steps.count)
        }
        append(.planar(step), [from] + (residual.map { [$0.other] } ?? []), to)
    }

    /// A depthwise layer that reads the values as they stand.
    private mutating func addDirectLayer(
        _ index: Int, _ geometry: PlaneGeometry, from: Location, to: Location,
        _ residual: Program.Residual?
    ) {
        let output = checked.values[index + 1].planes
        let scratch = layout.add(byteCount: 0, at: steps.count)
        let rowStride = geometry.direct!.window.rowStride
        let step = Program.PlanarStep(
            node: index, from: from, scratch: scratch, band: 1, to: to, accumulators: nil,
            outputsInRun: output.channels, outputs: output.channels, height: output.height,
            width: output.width, groups: geometry.groups, groupStride: 0,
            rowStride: rowStride, keptBytes: keptBytes(output, rowStride: rowStride), copy: nil,
            isDirect: true, residual: residual)
        append(.planar(step), [from] + (residual.map { [$0.other] } ?? []), to)
    }

    /// What a layer keeps whose rows lie `rowStride` places apart.
    private func keptBytes(
        _ output: (channels: Int, height: Int, width: Int), rowStride: Int
    ) -> KeptBytes {
        KeptBytes(
            rows: output.height, rowBytes: output.width * lanes, rowStride: rowStride * lanes)
    }

    /// - Parameters:
    ///   - from: the border of the input.
    ///   - to: that of the result.
    private func pooling(
        _ window: PackedWindow, _ index: Int, from: Border? = nil, to: Border? = nil
    ) -> cik_pooling {
        let input = checked.input(of: index).planes
        let output = checked.values[index + 1].planes
        return cik_pooling(
            channels: input.channels, height: input.height, width: input.width,
            kernel_height: window.kernel[0], kernel_width: window.kernel[1],
            stride_height: window.stride[0], stride_width: window.stride[1],
            padding_height: window.padding[0], padding_width: window.padding[1],
            output_height: output.height, output_width: output.width,
            row_stride: from?.rowStride ?? input.width,
            channel_stride: from?.channelStride ?? input.height * input.width,
            output_row_stride: to?.rowStride ?? output.width,
            output_channel_stride: to?.channelStride ?? output.height * output.width)
    }

    /// Padding is a bordered copy without phases.
    private func bordered(_ index: Int, _ border: [Int]) -> cik_planes {
        let input = checked.input(of: index).planes
        let output = checked.values[index + 1].planes
        return cik_planes(
            channels: input.channels, height: input.height, width: input.width,
            row_stride: input.width, channel_stride: input.height * input.width,
            padding_height: border[0], padding_width: border[1], stride_height: 1,
            stride_width: 1, phases_height: 1, phases_width: 1, plane_height: output.height,
            plane_width: output.width, plane_stride: output.height * output.width,
            fill: checked.fill(of: index))
    }
}

extension CheckedModel {
    /// The byte of real zero in the first input of node `index`.
    func fill(of index: Int) -> UInt8 { fill(of: input(of: index)) }

    /// The byte of real zero in a value.
    func fill(of value: Value) -> UInt8 {
        let quantizer = value.quantizer!
        return UInt8(quantizer.code(0) - quantizer.lowest)
    }
}
