import CFloatKernels
import CIntegerKernels
import PackedModel

/// Layers with weights.
extension FloatRun {
    func run(_ layer: FloatLayer, _ step: Step) {
        switch layer.weights {
        case .dense(let packed):
            if layer.isOverFeatures {
                let x = features(step)
                multiply(layer, packed, positions: count, x, floats(step.output.buffer))
            } else if layer.window.isPointwise {
                multiply(
                    layer, packed, positions: count * layer.window.output.area,
                    floats(step.inputs[0].buffer), floats(step.output.buffer))
            } else {
                forEachImage(layer, step) { convolve(layer, packed, bordered($0, layer, step), $1) }
            }
        case .depthwise(let weights):
            forEachImage(layer, step) { x, y in
                var depthwise = layer.window.depthwise
                cfk_depthwise_forward(
                    isa, &depthwise, x, weights.pointer(to: Float.self), bias(layer), y)
            }
        case .sparse(let weights):
            multiply(layer, weights, step)
        case .dynamic(let weights):
            forEachImage(layer, step) { multiply(layer, weights, step, $0, $1) }
        }
        guard layer.activation.kind != cfk_identity else { return }
        let (y, size) = (floats(step.output.buffer), count * step.output.image.count)
        cfk_activate(isa, layer.activation, y, y, Int64(size))
    }

    private func bias(_ layer: FloatLayer) -> UnsafePointer<Float> {
        layer.bias.pointer(to: Float.self)
    }

    private func forEachImage(_ layer: FloatLayer, _ step: Step, _ body: (Floats, Floats) -> Void) {
        let (x, y) = (floats(step.inputs[0].buffer), floats(step.output.buffer))
        forEachSample {
            body(x + $0 * step.inputs[0].image.count, y + $0 * step.output.image.count)
        }
    }

    /// The features that a layer reads, `[count, inputs]`.
    private func features(_ step: Step) -> Floats {
        let (x, image) = (floats(step.inputs[0].buffer), step.inputs[0].image)
        guard !image.isChannelsFirst else { return x }
        let copy = floats(step.copies[0])
        forEachSample { toChannelsFirst(x + $0 * image.count, image, copy + $0 * image.count) }
        return copy
    }

    // MARK: Dense

    /// Outputs of packed panels: whole ones of every instruction set.
    private static var panel: Int { 32 }

    /// A product of each position's channels with all weights. Threads share the outputs if there are
    /// many, else the positions.
    private func multiply(
        _ layer: FloatLayer, _ packed: AlignedBuffer, positions: Int, _ x: Floats, _ y: Floats
    ) {
        let (terms, outputs) = (layer.window.terms, layer.window.output.channels)
        let weights = packed.pointer(to: Float.self)
        let products = positions * terms * outputs
        if outputs >= 2 * Self.panel {
            share(outputs, unit: Self.panel, products: products) { part in
                var window = layer.window.products
                (window.columns, window.outputs) = (Int64(positions), Int64(part.count))
                cfk_window_forward(
                    isa, &window, x, weights + part.lowerBound * terms,
                    bias(layer) + part.lowerBound, y + part.lowerBound)
            }
        } else {
            share(positions, unit: 64, products: products) { part in
                var window = layer.window.products
                window.columns = Int64(part.count)
                cfk_window_forward(
                    isa, &window, x + part.lowerBound * terms, weights, bias(layer),
                    y + part.lowerBound * outputs)
            }
        }
    }

    /// An image with the border that kernels want to the left and to the right.
    private func bordered(_ x: Floats, _ layer: FloatLayer, _ step: Step) -> Floats {
        let window = layer.window
        guard window.hasBorder else { return x }
        let channels = window.input.channels
        let (row, border) = (
            window.input.width * channels, window.window.padding[1] * channels
        )
        let copy = floats(step.copies[0])
        for line in 0..<window.input.height {
            let target = copy + line * (row + 2 * border)
            target.update(repeating: 0, count: border)
            (target + border).update(from: x + line * row, count: row)
            (target + border + row).update(repeating: 0, count: border)
        }
        return copy
    }

    /// One image whose border is there. Threads share the outputs if there are many, else the rows.
    private func convolve(
        _ layer: FloatLayer, _ packed: AlignedBuffer, _ x: Floats, _ y: Floats
    ) {
        let (window, terms) = (layer.window, layer.window.terms)
        let (outputs, groups) = (window.outputsInGroup, window.window.groups)
        let inputs = window.input.channels / groups
        let products = window.output.area * terms * outputs
        let panels = packed.byteCount / 4 / groups
        for group in 0..<groups {
            let weights = packed.pointer(to: Float.self) + group * panels
            let (x, y) = (x + group * inputs, y + group * outputs)
            let bias = bias(layer) + group * outputs
            if outputs >= 2 * Self.panel {
                share(outputs, unit: Self.panel, products: products) { outputs in
                    var part = window.products
                    part.outputs = Int64(outputs.count)
                    let first = outputs.lowerBound
                    cfk_window_forward(
                        isa, &part, x, weights + first * terms, bias + first, y + first)
                }
            } else {
                share(window.output.height, unit: 1, products: products) { rows in
                    var part = window.products
                    part.rows = Int64(rows.count)
                    part.top -= Int64(rows.lowerBound) * part.row_stride
                    let first = rows.lowerBound * window.output.width * window.output.channels
                    cfk_window_forward(isa, &part, x, weights, bias, y + first)
                }
            }
        }
    }

    // MARK: Sparse

    private func multiply(_ layer: FloatLayer, _ weights: SparseFloatWeights, _ step: Step) {
        let planes = floats(step.copies[0])
        let rows = floats(step.copies[1])
        let (inputs, outputs) = (layer.window.input.channels, layer.window.output.channels)
        guard layer.isOverFeatures else {
            return forEachImage(layer, step) { x, y in
                multiplyImage(layer, weights, x, planes, rows, y)
            }
        }
        // Samples are the positions.
        let (x, y) = (floats(step.inputs[0].buffer), floats(step.output.buffer))
        let image = step.inputs[0].image
        if count == 1 {
            toChannelsFirst(x, image, planes)
        } else if image.isChannelsFirst {
            cfk_transpose(x, Int64(count), Int64(inputs), planes)
        } else {
            forEachSample { sample in
                for place in 0..<image.count {
                    let channel = place % image.channels, position = place / image.channels
                    planes[(channel * image.area + position) * count + sample] =
                        x[sample * image.count + place]
                }
            }
        }
        product(layer, weights, planes, step: count, length: count, count == 1 ? y : rows, count)
        if count > 1 { cfk_transpose(rows, Int64(outputs), Int64(count), y) }
    }

    private func multiplyImage(
        _ layer: FloatLayer, _ weights: SparseFloatWeights, _ x: Floats, _ planes: Floats,
        _ rows: Floats, _ y: Floats
    ) {
        let output = layer.window.output
        let isPointwise = layer.window.isPointwise
        if let copy = weights.geometry.copy {
            spread(x, copy, planes)
        } else {
            toChannelsFirst(x, layer.window.input, planes)
        }
        let rowStride = isPointwise ? output.width : weights.geometry.rowStride
        let length = (output.height - 1) * rowStride + output.width
        let pitch = roundedUp(length, to: 16)
        product(
            layer, weights, planes, step: isPointwise ? output.area : 1, length: length, rows, pitch
        )
        for line in 0..<output.height {
            for column in 0..<output.width {
                let source = rows + line * rowStride + column
                let target = y + (line * output.width + column) * output.channels
                for channel in 0..<output.channels { target[channel] = source[channel * pitch] }
            }
        }
    }

    private func product(
        _ layer: FloatLayer, _ weights: SparseFloatWeights, _ x: Floats, step: Int, length: Int,
        _ y: Floats, _ pitch: Int
    ) {
        let products = layer.nonzeros * length
        share(layer.window.output.channels, unit: 1, products: products) { part in
            var view = weights.view
            cfk_sparse_forward(
                isa, &view, bias(layer), x, Int64(step), Int64(part.lowerBound),
                Int64(part.upperBound), Int64(length), y, Int64(pitch))
        }
    }

    /// The planes of `cik_planes` from an image, with zeros as the border.
    private func spread(_ x: Floats, _ planes: cik_planes, _ y: Floats) {
        let phases = planes.phases_height * planes.phases_width
        y.update(repeating: 0, count: planes.channels * phases * planes.plane_stride)
        for line in 0..<planes.height {
            let row = planes.padding_height + line
            let rowPhase = row % planes.stride_height
            guard rowPhase < planes.phases_height else { continue }
            for place in 0..<planes.width {
                let column = planes.padding_width + place
                let columnPhase = column % planes.stride_width
                guard columnPhase < planes.phases_width else { continue }
                let phase = rowPhase * planes.phases_width + columnPhase
                let target =
                    y + phase * planes.plane_stride
                    + row / planes.stride_height * planes.plane_width + column / planes.stride_width
                let source = x + (line * planes.width + place) * planes.channels
                for channel in 0..<planes.channels {
                    target[channel * phases * planes.plane_stride] = source[channel]
                }
            }
        }
    }
}
