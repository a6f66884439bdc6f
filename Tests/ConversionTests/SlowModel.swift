import Foundation
import PackedModel

/// Runs a packed model in real numbers: every code stands for `scale · q + offset`, every result is
/// computed in `Double` and then rounded to its grid. In a model in floats what layers with integer
/// weights read is rounded to 8 bits between its smallest and its largest value.
struct SlowModel {
    struct Value {
        /// `[channels, height, width]` or `[features]`
        var shape: [Int]
        /// Of codes, or results where there is no quantizer.
        var reals: [Double]
        var codes: [Int32] = []
        var quantizer: PackedQuantizer?

        var planes: (channels: Int, height: Int, width: Int) {
            shape.count == 3 ? (shape[0], shape[1], shape[2]) : (reals.count, 1, 1)
        }

        /// What padding carries.
        var zero = 0.0

        init(shape: [Int], reals: [Double], quantizer: PackedQuantizer?) {
            self.shape = shape
            self.reals = reals
            guard let quantizer else { return }
            self.quantizer = quantizer
            zero = Double(quantizer.scale) * Double(quantizer.code(0)) + Double(quantizer.offset)
            codes = reals.map { quantizer.code(Float($0)) }
            self.reals = codes.map {
                Double(quantizer.scale) * Double($0) + Double(quantizer.offset)
            }
        }

        /// The value at a place, or `outside` beyond the image.
        func at(_ c: Int, _ y: Int, _ x: Int, outside: Double) -> Double {
            let (_, height, width) = planes
            if y < 0 || y >= height || x < 0 || x >= width { return outside }
            return reals[(c * height + y) * width + x]
        }
    }

    let model: PackedModel

    /// The input and each node's output for one sample `[channels, height, width]`.
    func values(of sample: [Float]) -> [Value] {
        let input = model.input
        let area = sample.count / input.mean.count
        let reals = sample.indices.map { index -> Double in
            let channel = index / area
            return Double(
                (sample[index] * input.pixelScale - input.mean[channel]) / input.deviation[channel])
        }
        var values = [Value(shape: input.shape, reals: reals, quantizer: input.quantizer)]
        for node in model.nodes {
            values.append(result(of: node.operation, node.inputs.map { values[$0] }))
        }
        return values
    }

    private func result(of operation: PackedOperation, _ inputs: [Value]) -> Value {
        let x = inputs[0]
        switch operation {
        case .linear(let layer):
            let column = Value(shape: [x.reals.count, 1, 1], rounded(x, for: layer))
            var result = convolution(
                layer, PackedWindow(kernel: [1, 1], stride: [1, 1]), column)
            result.shape = [result.reals.count]
            return result
        case .convolution(let layer, let window):
            return convolution(layer, window, rounded(x, for: layer))
        case .maxPooling(let window):
            return Value(
                window, x, quantizer: x.quantizer, outside: -.infinity
            ) { $0.max()! }
        case .averagePooling(let window, let output):
            return Value(window, x, quantizer: output, outside: x.zero) {
                $0.reduce(0, +) / Double($0.count)
            }
        case .flatten: return Value(shape: [x.reals.count], x)
        case .reshape(let shape): return Value(shape: shape, x)
        case .add(let activation, let output):
            let sums = x.reals.indices.map { i in
                activation.slow(inputs.reduce(0) { $0 + $1.reals[i] })
            }
            return Value(shape: x.shape, reals: sums, quantizer: output)
        case .multiply(let output):
            let gate = inputs[1].reals
            let area = x.reals.count / gate.count
            return Value(
                shape: x.shape, reals: x.reals.indices.map { x.reals[$0] * gate[$0 / area] },
                quantizer: output)
        case .concatenation(let output):
            let channels = inputs.reduce(0) { $0 + $1.shape[0] }
            return Value(
                shape: [channels] + x.shape.dropFirst(), reals: inputs.flatMap(\.reals),
                quantizer: output)
        case .slice(let range):
            let area = x.reals.count / x.shape[0]
            return Value(
                shape: [range.count] + x.shape.dropFirst(),
                reals: Array(x.reals[range.lowerBound * area..<range.upperBound * area]),
                quantizer: x.quantizer)
        case .channelShuffle(let groups):
            let area = x.reals.count / x.shape[0]
            let size = x.shape[0] / groups
            let order = (0..<x.shape[0]).map { $0 % groups * size + $0 / groups }
            return Value(
                shape: x.shape,
                reals: order.flatMap { x.reals[$0 * area..<($0 + 1) * area] },
                quantizer: x.quantizer)
        case .padding(let sides):
            let (channels, height, width) = x.planes
            var reals: [Double] = []
            for c in 0..<channels {
                for y in -sides[0]..<height + sides[2] {
                    for column in -sides[1]..<width + sides[3] {
                        reals.append(x.at(c, y, column, outside: x.zero))
                    }
                }
            }
            return Value(
                shape: [channels, height + sides[0] + sides[2], width + sides[1] + sides[3]],
                reals: reals, quantizer: x.quantizer)
        case .function(let function, let output):
            return Value(shape: x.shape, reals: x.reals.map(function.slow), quantizer: output)
        case .softmax:
            let exponentials = x.reals.map { exp($0) }
            let sum = exponentials.reduce(0, +)
            return Value(shape: x.shape, reals: exponentials.map { $0 / sum }, quantizer: nil)
        }
    }

    /// What a layer in dynamic range makes of its input: codes of the smallest grid of 8 bits that has
    /// zero and all values.
    private func rounded(_ x: Value, for layer: PackedLayer) -> Value {
        guard model.isFloat, !layer.weights.codes.isEmpty else { return x }
        let values = x.reals.map { Float($0) }
        let (low, high) = (min(values.min()!, 0), max(values.max()!, 0))
        guard high > low else { return x }
        let scale = (high - low) / 255
        let zero = (-low / scale).rounded(.toNearestOrEven)
        var result = x
        result.reals = values.map {
            let code = min(max(($0 / scale).rounded(.toNearestOrEven) + zero, 0), 255)
            return Double(scale) * Double(code - zero)
        }
        return result
    }

    private func convolution(
        _ layer: PackedLayer, _ window: PackedWindow, _ x: Value
    ) -> Value {
        let shape = layer.weights.shape
        let taps = layer.weights.count / shape[0]
        let kernelArea = window.kernel[0] * window.kernel[1]
        let (channels, perGroup) = (taps / kernelArea, shape[0] / window.groups)
        let (rows, columns) = window.places(over: x)
        let weights = layer.weights.slowWeights
        var reals: [Double] = []
        for o in 0..<shape[0] {
            let bias = Double(layer.bias.scale) * Double(layer.bias.codes[o])
            var sums = [Double](repeating: bias, count: rows * columns)
            for tap in 0..<taps where weights[o * taps + tap] != 0 {
                let (channel, ky, kx) = (
                    o / perGroup * channels + tap / kernelArea,
                    tap % kernelArea / window.kernel[1], tap % window.kernel[1]
                )
                let weight = Double(weights[o * taps + tap])
                for row in 0..<rows {
                    for column in 0..<columns {
                        let place = window.place(row, column, ky, kx)
                        sums[row * columns + column] +=
                            weight * x.at(channel, place.y, place.x, outside: x.zero)
                    }
                }
            }
            reals += sums.map(layer.activation.slow)
        }
        return Value(shape: [shape[0], rows, columns], reals: reals, quantizer: layer.output)
    }
}

extension SlowModel.Value {
    /// The same values under another shape.
    fileprivate init(shape: [Int], _ other: SlowModel.Value) {
        self = other
        self.shape = shape
    }

    /// What a pooling yields.
    fileprivate init(
        _ window: PackedWindow, _ x: SlowModel.Value, quantizer: PackedQuantizer?,
        outside: Double, _ pool: ([Double]) -> Double
    ) {
        let (rows, columns) = window.places(over: x)
        var reals: [Double] = []
        for c in 0..<x.planes.channels {
            for row in 0..<rows {
                for column in 0..<columns {
                    var values: [Double] = []
                    for ky in 0..<window.kernel[0] {
                        for kx in 0..<window.kernel[1] {
                            let place = window.place(row, column, ky, kx)
                            values.append(x.at(c, place.y, place.x, outside: outside))
                        }
                    }
                    reals.append(pool(values))
                }
            }
        }
        self.init(shape: [x.planes.channels, rows, columns], reals: reals, quantizer: quantizer)
    }
}

extension PackedWindow {
    fileprivate func places(over x: SlowModel.Value) -> (rows: Int, columns: Int) {
        func count(_ size: Int, _ axis: Int) -> Int {
            (size + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis] + 1
        }
        return (count(x.planes.height, 0), count(x.planes.width, 1))
    }

    fileprivate func place(_ row: Int, _ column: Int, _ ky: Int, _ kx: Int) -> (y: Int, x: Int) {
        (
            row * stride[0] + ky * dilation[0] - padding[0],
            column * stride[1] + kx * dilation[1] - padding[1]
        )
    }
}

extension PackedActivation {
    fileprivate func slow(_ x: Double) -> Double {
        switch self {
        case .identity: x
        case .relu: max(x, 0)
        case .clip(let lowest, let highest): min(max(x, Double(lowest)), Double(highest))
        case .leakyReLU(let slope): x > 0 ? x : Double(slope) * x
        case .sigmoid: 1 / (1 + exp(-x))
        case .hardSigmoid: min(max(x / 6 + 0.5, 0), 1)
        case .silu: x / (1 + exp(-x))
        case .hardSwish: x * min(max(x / 6 + 0.5, 0), 1)
        }
    }
}
