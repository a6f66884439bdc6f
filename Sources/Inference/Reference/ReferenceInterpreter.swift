public import PackedModel

/// Runs a model one sample at a time in the plainest way: the oracle of the engine.
///
/// One function an operation, codes as they are written in the model, no packing, no reuse. It defines
/// what every kernel must return, bit for bit; <doc:IntegerSemantics> is the same in words.
public struct ReferenceInterpreter: Sendable {
    /// Everything that a run computes.
    public struct Trace: Sendable, Equatable {
        /// `[values][count]`: the codes of the input, then of each node's output; empty for those that
        /// are real.
        public var codes: [[Int32]]
        public var logits: [Float]
    }

    private let checked: CheckedModel
    /// The rounding rule of each node that has one.
    private let rules: [Requantization?]

    /// - Parameter model: in integers.
    public init(_ model: PackedModel) throws(EngineError) {
        precondition(
            !model.isFloat, "'\(model.name)' computes in floats, expected a model in integers")
        checked = try CheckedModel(model)
        var rules: [Requantization?] = []
        for (index, node) in model.nodes.enumerated() {
            if let weights = checked.weights[index] {
                let input = checked.input(of: index).quantizer!
                _ = try accumulatorBound(of: weights, reading: input, at: .node(node.name))
            }
            rules.append(try checked.requantization(of: index))
        }
        self.rules = rules
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
        for (index, node) in checked.model.nodes.enumerated() {
            if checked.values[index + 1].quantizer == nil {
                trace.logits = realOutput(of: index, trace)
                trace.codes.append([])
            } else {
                trace.codes.append(codes(of: index, node.inputs.map { trace.codes[$0] }))
            }
        }
        return trace
    }

    /// The codes of node `index` from those of its inputs.
    private func codes(of index: Int, _ inputs: [[Int32]]) -> [Int32] {
        let codes = inputs[0]
        switch checked.model.nodes[index].operation {
        case .linear, .convolution:
            let sums = accumulators(of: index, codes)
            let places = sums.count / checked.weights[index]!.outputs
            return sums.indices.map { rules[index]!.code(sums[$0], output: $0 / places) }
        case .maxPooling(let window):
            return windows(window, node: index).map {
                $0.compactMap { $0.map { codes[$0] } }.max()!
            }
        case .averagePooling(let window, _):
            let border = checked.input(of: index).quantizer!.code(0)
            return windows(window, node: index).map { places in
                let sum = places.reduce(0) { $0 + ($1.map { codes[$0] } ?? border) }
                return rules[index]!.code(sum, output: 0)
            }
        case .flatten, .reshape:
            return codes
        case .add:
            return codes.indices.map { place in
                let products = zip(inputs, rules[index]!.multipliers).map {
                    Int64($0[place]) * Int64($1)
                }
                return rules[index]!.code(sum: products.reduce(0, +))
            }
        case .multiply:
            return product(of: index, codes, inputs[1])
        case .concatenation(let output):
            return zip(inputs, checked.inputs(of: index)).flatMap {
                lookedUp($0, .identity, from: $1.quantizer!, to: output!)
            }
        case .slice(let channels):
            let area = codes.count / checked.input(of: index).shape[0]
            return Array(codes[channels.lowerBound * area..<channels.upperBound * area])
        case .channelShuffle(let groups):
            let channels = checked.input(of: index).shape[0]
            let area = codes.count / channels
            return codes.indices.map { place in
                let (i, g) = (place / area / groups, place / area % groups)
                return codes[(g * (channels / groups) + i) * area + place % area]
            }
        case .padding(let border):
            return padded(codes, border, node: index)
        case .function(let function, let output):
            return lookedUp(
                codes, function, from: checked.input(of: index).quantizer!, to: output!)
        case .softmax:
            preconditionFailure("checking the model has refused a softmax of codes")
        }
    }

    // MARK: Real values

    /// The real-valued result of node `index`.
    private func realOutput(of index: Int, _ trace: Trace) -> [Float] {
        let node = checked.model.nodes[index]
        guard let layer = node.operation.layer else {
            if case .softmax = node.operation { return softmax(trace.logits) }
            return trace.logits
        }
        let weights = checked.weights[index]!
        let real = RealOutput(layer, weights: weights, input: checked.input(of: index).quantizer!)
        let sums = accumulators(of: index, trace.codes[node.inputs[0]])
        let places = sums.count / weights.outputs
        return sums.indices.map { real.value(sums[$0], output: $0 / places) }
    }

    private func softmax(_ logits: [Float]) -> [Float] {
        var largest = logits[0]
        for logit in logits where logit > largest { largest = logit }
        let powers = logits.map { exponential(Double($0) - Double(largest)) }
        let sum = powers.reduce(0, +)
        return powers.map { Float($0 / sum) }
    }

    // MARK: Layers

    /// `[outputs, places]`
    private func accumulators(of index: Int, _ codes: [Int32]) -> [Int32] {
        if case .convolution(_, let window) = checked.model.nodes[index].operation {
            return convolution(codes, window, node: index)
        }
        return linear(codes, node: index)
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
        let (channels, height, width) = checked.input(of: index).planes
        let output = checked.values[index + 1].planes
        let border = checked.input(of: index).quantizer!.code(0)
        let (kernelHeight, kernelWidth) = (window.kernel[0], window.kernel[1])
        var sums: [Int32] = []
        for o in 0..<output.channels {
            let group = o / (output.channels / window.groups)
            let firstChannel = group * (channels / window.groups)
            for oy in 0..<output.height {
                for ox in 0..<output.width {
                    var sum: Int32 = 0
                    for i in weights.starts[o]..<weights.starts[o + 1] {
                        let column = Int(weights.columns[i])
                        let channel = firstChannel + column / (kernelHeight * kernelWidth)
                        let tap = (column / kernelWidth % kernelHeight, column % kernelWidth)
                        let y =
                            oy * window.stride[0] + tap.0 * window.dilation[0] - window.padding[0]
                        let x =
                            ox * window.stride[1] + tap.1 * window.dilation[1] - window.padding[1]
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

    // MARK: Windows and borders

    /// For each output of a pooling the places of its window, `nil` for those outside the image.
    private func windows(_ window: PackedWindow, node index: Int) -> [[Int?]] {
        let (_, height, width) = checked.input(of: index).planes
        let output = checked.values[index + 1].planes
        var result: [[Int?]] = []
        for channel in 0..<output.channels {
            for oy in 0..<output.height {
                for ox in 0..<output.width {
                    var places: [Int?] = []
                    for ky in 0..<window.kernel[0] {
                        for kx in 0..<window.kernel[1] {
                            let y = oy * window.stride[0] + ky - window.padding[0]
                            let x = ox * window.stride[1] + kx - window.padding[1]
                            let isInside = 0..<height ~= y && 0..<width ~= x
                            places.append(isInside ? (channel * height + y) * width + x : nil)
                        }
                    }
                    result.append(places)
                }
            }
        }
        return result
    }

    private func padded(_ codes: [Int32], _ border: [Int], node index: Int) -> [Int32] {
        let (_, height, width) = checked.input(of: index).planes
        let output = checked.values[index + 1].planes
        let zero = checked.input(of: index).quantizer!.code(0)
        var result: [Int32] = []
        for channel in 0..<output.channels {
            for oy in 0..<output.height {
                for ox in 0..<output.width {
                    let (y, x) = (oy - border[0], ox - border[1])
                    let isInside = 0..<height ~= y && 0..<width ~= x
                    result.append(isInside ? codes[(channel * height + y) * width + x] : zero)
                }
            }
        }
        return result
    }

    // MARK: Value by value

    /// `M_1 · q_1 · q_2 + M_2 · q_1 + M_3 · q_2`, rounded.
    private func product(of index: Int, _ first: [Int32], _ second: [Int32]) -> [Int32] {
        let rule = rules[index]!
        // One value of the second input belongs to so many of the first.
        let share = first.count / second.count
        return first.indices.map { place in
            let (a, b) = (Int64(first[place]), Int64(second[place / share]))
            let terms = [a * b, a, b]
            return rule.code(
                sum: zip(terms, rule.multipliers).reduce(0) { $0 + $1.0 * Int64($1.1) })
        }
    }

    private func lookedUp(
        _ codes: [Int32], _ function: PackedActivation, from input: PackedQuantizer,
        to output: PackedQuantizer
    ) -> [Int32] {
        let table = function.table(from: input, to: output)
        return codes.map { table[Int($0 - input.lowest)] }
    }
}
