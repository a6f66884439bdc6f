import CFloatKernels
import CIntegerKernels
import PackedModel
import ThreadPool

/// A model in floats prepared for the kernels of one variant: packed weights, and where each value lives
/// in an arena. It does not change.
final class FloatNetwork: Sendable {
    /// A buffer of the arena that holds a value for all samples of a run, one behind the other.
    typealias Buffer = Int

    /// What one node does; what moves no data has no step.
    struct Step: Sendable {
        enum Operation: Sendable {
            case layer(FloatLayer)
            case maxPooling(cfk_pooling)
            case averagePooling(cfk_pooling)
            case add(cfk_activation)
            /// The second factor has one value a channel if `isGate`.
            case multiply(isGate: Bool)
            case concatenation
            case slice(first: Int)
            case channelShuffle(groups: Int)
            /// `[top, left, bottom, right]`
            case padding([Int])
            case function(cfk_activation)
            /// The same values under a shape with another order in memory.
            case reshape
            case softmax
        }

        var node: Int
        var operation: Operation
        var inputs: [(buffer: Buffer, image: FloatImage)]
        var output: (buffer: Buffer, image: FloatImage)
        /// Room for copies of the input and of the result in other orders.
        var copies: [Buffer]
    }

    /// A run computes at most so many samples at a time.
    private static let mostSamples = 32
    /// Fewer if their values would take more.
    private static let mostBytes = 32 << 20

    let kernels: KernelSet
    let isa: cfk_isa
    let threads: ThreadPool
    let input: FloatInput
    let nodes: [(name: String, activationBytes: Int)]
    let outputCount: Int
    /// Samples of a run.
    let samples: Int
    let steps: [Step]
    let layout: ArenaLayout
    let inputBuffer: Buffer = 0
    let result: (buffer: Buffer, image: FloatImage)
    /// What each thread needs for its part of a layer.
    let scratches: ArenaPool
    /// For layers in dynamic range: kernels count which bytes are kept, though all sums are written.
    let nothingKept: AlignedBuffer
    let plan: Plan

    init(
        _ model: PackedModel, kernels: KernelSet, preference: KernelPreference,
        threads: ThreadPool
    ) throws(EngineError) {
        self.kernels = kernels
        self.threads = threads
        isa = cfk_isa(kernels)
        let checked = try CheckedModel(model, threads: threads)
        try PreparedNetwork.checkTables(of: model)
        input = FloatInput(model.input)
        outputCount = checked.outputCount
        nodes = model.nodes.indices.map { index in
            let inputs = checked.inputs(of: index).reduce(0) { $0 + $1.count }
            return (model.nodes[index].name, 4 * (inputs + checked.values[index + 1].count))
        }
        let bytes = 4 * checked.values.reduce(0) { $0 + $1.count }
        samples = min(max(Self.mostBytes / bytes, 1), Self.mostSamples)
        var planner = FloatPlanner(checked, samples: samples)
        var layers: [Plan.Layer] = []
        var (scratch, kept) = (0, 0)
        for (index, node) in model.nodes.enumerated() {
            var layer: FloatLayer?
            if node.operation.layer != nil {
                layer = try FloatLayer(
                    node: index, of: checked, isa: isa, kernels: kernels, preference: preference)
                layers.append(
                    Plan.Layer(
                        layer!, node: index, name: node.name,
                        weights: node.operation.layer!.weights.count, isa: isa,
                        kernels: kernels))
                if case .dynamic(let weights) = layer!.weights {
                    let bytes = weights.scratchBytes(of: layer!.window.output)
                    scratch = max(scratch, bytes.sorting + bytes.sums)
                    kept = max(kept, weights.keptByteCount(of: layer!.window.output))
                }
            }
            planner.append(node: index, layer)
        }
        planner.finish()
        for needed in [planner.layout.byteCount, scratch]
        where needed > PreparedNetwork.mostArenaBytes {
            throw .memory(needed: needed, limit: PreparedNetwork.mostArenaBytes)
        }
        (steps, layout) = (planner.steps, planner.layout)
        result = planner.values[model.nodes.count]
        scratches = ArenaPool(byteCount: scratch, count: scratch > 0 ? 1 : 0)
        nothingKept = AlignedBuffer(byteCount: kept)
        plan = Plan(
            instructionSet: kernels.isa, layers: layers, blockSize: samples, leastInBlock: 2,
            arenaBytes: layout.byteCount)
    }
}

/// Turns the nodes of a model in floats into steps.
private struct FloatPlanner {
    typealias Value = (buffer: FloatNetwork.Buffer, image: FloatImage)

    let checked: CheckedModel
    let samples: Int
    var layout = ArenaLayout()
    private(set) var steps: [FloatNetwork.Step] = []
    /// The input, then each node's output.
    private(set) var values: [Value] = []

    init(_ checked: CheckedModel, samples: Int) {
        self.checked = checked
        self.samples = samples
        let image = FloatImage(checked.values[0])
        values = [(layout.add(byteCount: 4 * samples * image.count, at: 0), image)]
    }

    mutating func append(node index: Int, _ layer: FloatLayer?) {
        let node = checked.model.nodes[index]
        let inputs = node.inputs.map { values[$0] }
        let image = FloatImage(checked.values[index + 1])
        let operation = operation(of: index, layer, inputs.map(\.image), image)
        if case .reshape = operation, inputs[0].image.isChannelsFirst, image.isChannelsFirst {
            values.append((inputs[0].buffer, image))
            return
        }
        let now = steps.count
        for input in inputs { layout.extend(input.buffer, to: now) }
        let output = (layout.add(byteCount: 4 * samples * image.count, at: now), image)
        let copies = copyBytes(operation, inputs[0].image, image).map {
            layout.add(byteCount: $0, at: now)
        }
        steps.append(
            .init(node: index, operation: operation, inputs: inputs, output: output, copies: copies)
        )
        values.append(output)
    }

    /// Places all buffers, with that of the last value, which is read behind the last step.
    mutating func finish() {
        layout.extend(values.last!.buffer, to: steps.count)
        layout.place()
    }

    private func operation(
        of index: Int, _ layer: FloatLayer?, _ inputs: [FloatImage], _ output: FloatImage
    ) -> FloatNetwork.Step.Operation {
        switch checked.model.nodes[index].operation {
        case .linear, .convolution: .layer(layer!)
        case .maxPooling(let window):
            .maxPooling(cfk_pooling(window, from: inputs[0], to: output))
        case .averagePooling(let window, _):
            .averagePooling(cfk_pooling(window, from: inputs[0], to: output))
        case .flatten, .reshape: .reshape
        case .add(let activation, _): .add(cfk_activation(activation))
        case .multiply: .multiply(isGate: inputs[0] != inputs[1])
        case .concatenation: .concatenation
        case .slice(let channels): .slice(first: channels.lowerBound)
        case .channelShuffle(let groups): .channelShuffle(groups: groups)
        case .padding(let sides): .padding(sides)
        case .function(let function, _): .function(cfk_activation(function))
        case .softmax: .softmax
        }
    }

    /// The bytes of copies that a step makes.
    private func copyBytes(
        _ operation: FloatNetwork.Step.Operation, _ input: FloatImage, _ output: FloatImage
    ) -> [Int] {
        switch operation {
        case .reshape:
            return [4 * input.count]
        case .layer(let layer):
            switch layer.weights {
            case .dense, .depthwise:
                if layer.window.hasBorder {
                    return [4 * input.height * layer.window.borderedWidth * input.channels]
                }
                let isOther = layer.isOverFeatures && !input.isChannelsFirst
                return isOther ? [4 * samples * input.count] : []
            case .sparse(let sparse):
                if layer.isOverFeatures {
                    return [4 * samples * input.count, 4 * samples * output.count]
                }
                let geometry = sparse.geometry
                let span =
                    layer.window.isPointwise
                    ? output.area : (output.height - 1) * geometry.rowStride + output.width
                return [
                    4 * max(geometry.copiedCount, input.count),
                    4 * roundedUp(span, to: 16) * output.channels,
                ]
            case .dynamic(let dynamic):
                return [input.count, input.count, dynamic.planar?.geometry.copiedCount ?? 0].map {
                    // Kernels read behind the end.
                    $0 + Int(CIK_OVERREAD)
                } + [8 * output.channels]
            }
        default:
            return []
        }
    }
}

extension FloatLayer {
    /// Whether it reads the features of a batch, not images: each output all of them, once.
    var isOverFeatures: Bool { window.isPointwise && window.input.area == 1 }
}

extension Plan.Layer {
    /// What products cost on one sample, in nanoseconds for each weight and place: measured with AVX-512,
    /// good for a rough figure only.
    private static let costs = (dense: 0.012, depthwise: 0.1, sparse: 0.05, dynamic: 0.01)

    fileprivate init(
        _ layer: FloatLayer, node: Int, name: String, weights: Int, isa: cfk_isa,
        kernels: KernelSet
    ) {
        self.node = node
        self.name = name
        self.weights = weights
        nonzeros = layer.nonzeros
        positions = layer.window.output.area
        accumulatorBound = layer.accumulatorBound
        packedBytes = layer.byteCount
        blockKernel = nil
        blockKernelBytes = nil
        let isSparse: Bool
        let cost: Double
        switch layer.weights {
        case .dense:
            (kernel, layout, isSparse) = ("f32_window__\(isa.name)", "panels of outputs", false)
            cost = Self.costs.dense
        case .depthwise:
            (kernel, layout, isSparse) = ("f32_depthwise__\(isa.name)", "taps of channels", false)
            cost = Self.costs.depthwise
        case .sparse:
            (kernel, layout, isSparse) = ("f32_sparse__\(isa.name)", "rows of nonzeros", true)
            cost = Self.costs.sparse
        case .dynamic(let dynamic):
            kernel = "dynamic_\(dynamic.kernel.name)__\(kernels.isa)"
            layout = dynamic.kernel.layout
            isSparse = dynamic.isSparse
            cost = Self.costs.dynamic
        }
        multiplyAdds = (isSparse ? layer.nonzeros : weights) * positions
        estimatedNanoseconds = cost * Double(multiplyAdds)
    }
}
