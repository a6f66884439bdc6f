public import PackedModel

/// Runs a model one sample at a time in the plainest way: the oracle of the engine.
///
/// One function an operation, codes as they are written in the model, no packing, no reuse. It defines
/// what every kernel must return, bit for bit; <doc:IntegerSemantics> is the same in words.
public struct ReferenceInterpreter: Sendable {
    /// Everything that a run computes.
    public struct Trace: Sendable, Equatable {
        /// `[values][count]`: the codes of the input, then of each node's output; empty for the last,
        /// which is real.
        public var codes: [[Int32]]
        public var logits: [Float]
    }

    private let checked: CheckedModel

    public init(_ model: PackedModel) throws(EngineError) {
        checked = try CheckedModel(model)
        // Refuse now what `trace` could not compute.
        for (index, node) in model.nodes.enumerated() {
            guard let weights = checked.weights[index], let layer = node.operation.layer else {
                continue
            }
            let place = EngineError.Place.node(node.name)
            let input = checked.input(of: index).quantizer!
            _ = try accumulatorBound(of: weights, reading: input, at: place)
            if let output = layer.output {
                _ = try Requantization(
                    layer, weights: weights, input: input, output: output, at: place)
            }
        }
    }

    /// The logits of one sample `[channels, height, width]`.
    public func logits(pixels: [UInt8]) -> [Float] { trace(pixels: pixels).logits }

    public func trace(pixels: [UInt8]) -> Trace { trace(samples: pixels.map(Float.init)) }

    /// The logits and all codes of one raw sample `[channels, height, width]`.
    public func trace(samples: [Float]) -> Trace {
        let input = InputCodes(checked.model.input)
        precondition(
            samples.count == input.channels * input.area,
            "a sample has \(input.channels * input.area) values, not \(samples.count)")
        var trace = Trace(codes: [], logits: [])
        trace.codes.append(
            samples.indices.map { input.code(samples[$0], channel: $0 / input.area) })
        for index in checked.model.nodes.indices { append(node: index, to: &trace) }
        return trace
    }

    private func append(node index: Int, to trace: inout Trace) {
        let node = checked.model.nodes[index]
        let codes = trace.codes[node.inputs[0]]
        switch node.operation {
        case .linear(let layer):
            append(layer, accumulators: linear(codes, node: index), node: index, to: &trace)
        case .convolution(let layer, let window):
            let sums = convolution(codes, window, node: index)
            append(layer, accumulators: sums, node: index, to: &trace)
        case .maxPooling(let window):
            trace.codes.append(maxPooling(codes, window, node: index))
        case .flatten:
            trace.codes.append(codes)
        default: fatalError("not yet")
        }
    }

    /// Turns accumulators `[outputs, places]` into codes, or into logits at the end.
    private func append(
        _ layer: PackedLayer, accumulators: [Int32], node index: Int, to trace: inout Trace
    ) {
        let weights = checked.weights[index]!
        let input = checked.input(of: index).quantizer!
        let places = accumulators.count / weights.outputs
        if let output = layer.output {
            // Checking the model has made this very rule, so it can not fail.
            let rule = try! Requantization(
                layer, weights: weights, input: input, output: output, at: .input)
            trace.codes.append(
                accumulators.indices.map { rule.code(accumulators[$0], output: $0 / places) })
        } else {
            let real = RealOutput(layer, weights: weights, input: input)
            trace.codes.append([])
            trace.logits = accumulators.indices.map {
                real.value(accumulators[$0], output: $0 / places)
            }
        }
    }

    private func linear(_ codes: [Int32], node index: Int) -> [Int32] {
        let weights = checked.weights[index]!
        return (0..<weights.outputs).map { output in
            var sum: Int32 = 0
            for i in weights.starts[output]..<weights.starts[output + 1] {
                sum += Int32(weights.levels[i]) * codes[Int(weights.columns[i])]
            }
            return sum
        }
    }

    private func convolution(
        _ codes: [Int32], _ window: PackedWindow, node index: Int
    ) -> [Int32] {
        let weights = checked.weights[index]!
        let (_, height, width) = checked.input(of: index).planes
        let output = checked.values[index + 1].planes
        let border = checked.input(of: index).quantizer!.code(0)
        let (kernelHeight, kernelWidth) = (window.kernel[0], window.kernel[1])
        var sums: [Int32] = []
        for o in 0..<output.channels {
            for oy in 0..<output.height {
                for ox in 0..<output.width {
                    var sum: Int32 = 0
                    for i in weights.starts[o]..<weights.starts[o + 1] {
                        let column = Int(weights.columns[i])
                        let channel = column / (kernelHeight * kernelWidth)
                        let y =
                            oy * window.stride[0] + column / kernelWidth % kernelHeight
                            - window.padding[0]
                        let x = ox * window.stride[1] + column % kernelWidth - window.padding[1]
                        let isInside = 0..<height ~= y && 0..<width ~= x
                        let code = isInside ? codes[(channel * height + y) * width + x] : border
                        sum += Int32(weights.levels[i]) * code
                    }
                    sums.append(sum)
                }
            }
        }
        return sums
    }

    private func maxPooling(_ codes: [Int32], _ window: PackedWindow, node index: Int) -> [Int32] {
        let (_, height, width) = checked.input(of: index).planes
        let output = checked.values[index + 1].planes
        var result: [Int32] = []
        for channel in 0..<output.channels {
            for oy in 0..<output.height {
                for ox in 0..<output.width {
                    let top = oy * window.stride[0]
                    let left = ox * window.stride[1]
                    var largest = codes[(channel * height + top) * width + left]
                    for y in top..<top + window.kernel[0] {
                        for x in left..<left + window.kernel[1] {
                            largest = max(largest, codes[(channel * height + y) * width + x])
                        }
                    }
                    result.append(largest)
                }
            }
        }
        return result
    }
}

extension PackedOperation {
    /// Weights and what belongs to them, if the operation has any.
    var layer: PackedLayer? {
        switch self {
        case .linear(let layer), .convolution(let layer, _): layer
        case .maxPooling, .flatten: nil
        default: fatalError("not yet")
        }
    }
}
