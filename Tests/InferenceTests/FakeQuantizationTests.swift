import Inference
import PackedModel
import Testing

/// The engine against the network as training simulates it: real numbers `x̂ = s · q + β` everywhere.
@Suite struct FakeQuantizationTests {
    /// Real results and the next codes before rounding, in `Double`.
    private struct Simulation {
        let model: PackedModel

        /// `[outputs, places]` real results of a layer over `input`, padded with the value of
        /// real zero's code.
        func results(
            _ layer: PackedLayer, _ window: PackedWindow?, _ input: [Double], _ shape: [Int],
            _ quantizer: PackedQuantizer
        ) -> [Double] {
            // A plain vector is one place of many channels.
            let (height, width) = shape.count == 3 ? (shape[1], shape[2]) : (1, 1)
            let window = window ?? PackedWindow(kernel: [1, 1], stride: [1, 1])
            let zero = real(quantizer.code(0), quantizer)
            let weights = dense(layer.weights)
            let outputs = layer.weights.shape[0]
            let taps = weights.count / outputs
            var results: [Double] = []
            for o in 0..<outputs {
                let scales = layer.weights.scales
                let scale = Double(scales.count == 1 ? scales[0] : scales[o])
                for oy in 0..<size(height, window, 0) {
                    for ox in 0..<size(width, window, 1) {
                        var sum = Double(layer.bias.scale) * Double(layer.bias.codes[o])
                        for tap in 0..<taps {
                            let channel = tap / (window.kernel[0] * window.kernel[1])
                            let y =
                                oy * window.stride[0] + tap / window.kernel[1]
                                % window.kernel[0] - window.padding[0]
                            let x =
                                ox * window.stride[1] + tap % window.kernel[1]
                                - window.padding[1]
                            let isInside = y >= 0 && y < height && x >= 0 && x < width
                            let value = isInside ? input[(channel * height + y) * width + x] : zero
                            sum += scale * Double(weights[o * taps + tap]) * value
                        }
                        results.append(layer.activation == .relu ? max(sum, 0) : sum)
                    }
                }
            }
            return results
        }

        func size(_ length: Int, _ window: PackedWindow, _ axis: Int) -> Int {
            (length + 2 * window.padding[axis] - window.kernel[axis]) / window.stride[axis] + 1
        }

        func real(_ code: Int32, _ quantizer: PackedQuantizer) -> Double {
            Double(quantizer.scale) * Double(code) + Double(quantizer.offset)
        }

        func dense(_ tensor: PackedTensor) -> [Int8] {
            var weights = [Int8](repeating: 0, count: tensor.count)
            var position = -1
            for (gap, code) in zip(tensor.gaps, tensor.codes) {
                position += Int(gap) + 1
                weights[position] = tensor.levels[Int(code)]
            }
            return weights
        }
    }

    /// Each layer is simulated on the codes that the interpreter gave it, so that one rare tie does not
    /// change everything behind it.
    private func expectClose(
        _ model: PackedModel, _ shapes: [[Int]], _ trace: ReferenceInterpreter.Trace
    ) {
        let simulation = Simulation(model: model)
        var quantizer = model.input.quantizer!
        for (index, node) in model.nodes.enumerated() {
            let (layer, window): (PackedLayer, PackedWindow?)
            switch node.operation {
            case .linear(let linear): (layer, window) = (linear, nil)
            case .convolution(let convolution, let moved): (layer, window) = (convolution, moved)
            default: continue
            }
            let input = trace.codes[index].map { simulation.real($0, quantizer) }
            let shape = window == nil ? [input.count] : shapes[index]
            let results = simulation.results(layer, window, input, shape, quantizer)
            guard let output = layer.output else {
                for (found, expected) in zip(trace.logits, results) {
                    #expect(abs(Double(found) - expected) <= 1e-6 * max(abs(expected), 1))
                }
                return
            }
            #expect(trace.codes[index + 1].count == results.count)
            for (code, result) in zip(trace.codes[index + 1], results) {
                let place = (result - Double(output.offset)) / Double(output.scale)
                let isTie = abs(place - place.rounded(.down) - 0.5) < 1e-6
                let nearest = min(
                    max(place.rounded(.toNearestOrEven), Double(output.lowest)),
                    Double(output.highest))
                #expect(isTie || Double(code) == nearest, "node \(index): \(place) became \(code)")
            }
            quantizer = output
        }
    }

    @Test(arguments: 2...8)
    func `codes and logits are those of the fake-quantized network`(bits: Int) throws {
        var random = SplitMix(UInt64(100 + bits))
        for isSigned in [false, true] {
            let recipe = LayerRecipe(
                density: 0.4, levels: levels(bits: bits), isPerChannel: isSigned,
                relu: !isSigned)
            let hidden = quantizer(bits: bits, isSigned: isSigned, offset: 0.013)
            let input = quantizer(bits: bits, isSigned: !isSigned, offset: -0.02)
            let model = chain(
                [2, 9, 8], input,
                [
                    .convolution(
                        randomLayer(
                            shape: [5, 2, 3, 3], recipe: recipe, output: hidden, using: &random),
                        PackedWindow(kernel: [3, 3], stride: [1, 2], padding: [1, 1])),
                    .linear(
                        randomLayer(
                            shape: [30, 180], recipe: recipe, output: hidden, using: &random)),
                    .linear(
                        randomLayer(
                            shape: [10, 30], recipe: recipe, output: nil, using: &random)),
                ])
            let reference = try ReferenceInterpreter(model)
            let engine = try Engine(model)
            for _ in 0..<10 {
                let pixels = random.pixels(144)
                let trace = reference.trace(pixels: pixels)
                expectClose(model, [[2, 9, 8], [], []], trace)
                #expect(engine.logits(pixels: pixels) == trace.logits)
            }
        }
    }

    @Test func `the code of a pixel is the quantizer's code of its normalised value`() throws {
        for bits in 2...8 {
            let quantizer = quantizer(bits: bits, isSigned: bits % 2 == 0, offset: 0.017)
            let model = chain([1], quantizer, [showing(1).operation])
            let reference = try ReferenceInterpreter(model)
            for pixel in UInt8.min...UInt8.max {
                let real = (Float(pixel) * (1 / Float(255)) - 0.25) / 0.5
                #expect(reference.trace(pixels: [pixel]).codes[0] == [quantizer.code(real)])
            }
        }
    }
}
