import CFloatKernels
import CIntegerKernels
import PackedModel

/// One run of a model in floats in an arena, for some samples.
///
/// All sizes come from the planner, which has checked the model. Threads share a layer by its outputs or
/// its rows, so that every sum is made by one of them in one order.
struct FloatRun {
    let network: FloatNetwork
    let arena: UnsafeMutablePointer<UInt8>
    /// Samples, at most `network.samples`.
    let count: Int
    /// `[count, outputs]`
    let logits: UnsafeMutablePointer<Float>
    var stopwatch: Stopwatch?

    typealias Floats = UnsafeMutablePointer<Float>
    typealias Step = FloatNetwork.Step

    var isa: cfk_isa { network.isa }

    /// Runs on pixels `[count, channels, height, width]`.
    func run(pixels: UnsafePointer<UInt8>) {
        let size = network.input.image.count
        for sample in 0..<count {
            network.input.write(pixels + sample * size, to: input + sample * size)
        }
        runSteps()
    }

    /// Runs on raw samples `[count, channels, height, width]`.
    func run(samples: UnsafePointer<Float>) {
        let size = network.input.image.count
        for sample in 0..<count {
            network.input.write(samples + sample * size, to: input + sample * size)
        }
        runSteps()
    }

    func bytes(_ buffer: FloatNetwork.Buffer) -> UnsafeMutablePointer<UInt8> {
        arena + network.layout.buffers[buffer].offset
    }

    func floats(_ buffer: FloatNetwork.Buffer) -> Floats {
        UnsafeMutableRawPointer(bytes(buffer)).assumingMemoryBound(to: Float.self)
    }

    private var input: Floats { floats(network.inputBuffer) }

    private func runSteps() {
        for step in network.steps {
            if let stopwatch {
                stopwatch.time(step.node) { run(step) }
            } else {
                run(step)
            }
        }
        let (buffer, image) = network.result
        for sample in 0..<count {
            toChannelsFirst(
                floats(buffer) + sample * image.count, image, logits + sample * image.count)
        }
    }

    /// Calls `body` with parts of `0..<count` that begin at multiples of `unit`, on several threads if
    /// the work of so many multiplications pays for it.
    func share(_ count: Int, unit: Int, products: Int, _ body: (Range<Int>) -> Void) {
        let threads = network.threads
        let units = (count + unit - 1) / unit
        guard threads.threads > 1, units > 1, products >= Self.leastSharedProducts else {
            return body(0..<count)
        }
        let parts = min(2 * threads.threads, units)
        threads.run(parts) { part in
            body(
                part * units / parts * unit..<min((part + 1) * units / parts * unit, count))
        }
    }

    /// About 20 µs of work.
    private static let leastSharedProducts = 1 << 20

    // MARK: Steps

    private func run(_ step: Step) {
        let (x, from) = (floats(step.inputs[0].buffer), step.inputs[0].image)
        let (y, to) = (floats(step.output.buffer), step.output.image)
        let positions = Int64(count * to.area)
        switch step.operation {
        case .layer(let layer):
            run(layer, step)
        case .maxPooling(var pooling):
            forEachSample { cfk_max_pool(isa, &pooling, x + $0 * from.count, y + $0 * to.count) }
        case .averagePooling(var pooling):
            forEachSample {
                cfk_average_pool(isa, &pooling, 0, x + $0 * from.count, y + $0 * to.count)
            }
        case .add(let activation):
            add(step.inputs.map { floats($0.buffer) }, activation, y, count * to.count)
        case .multiply(let isGate):
            let gate = floats(step.inputs[1].buffer)
            guard isGate else { return cfk_multiply(isa, x, gate, y, Int64(count * to.count)) }
            forEachSample {
                cfk_gate(
                    isa, x + $0 * from.count, gate + $0 * to.channels, Int64(to.area),
                    Int64(to.channels), y + $0 * to.count)
            }
        case .concatenation:
            var first = 0
            for input in step.inputs {
                let channels = Int64(input.image.channels)
                cfk_copy_rows(
                    floats(input.buffer), channels, y + first, Int64(to.channels), positions,
                    channels)
                first += input.image.channels
            }
        case .slice(let first):
            cfk_copy_rows(
                x + first, Int64(from.channels), y, Int64(to.channels), positions,
                Int64(to.channels))
        case .channelShuffle(let groups):
            cfk_shuffle(isa, x, positions, Int64(groups), Int64(to.channels / groups), y)
        case .padding(let sides):
            forEachSample { pad(x + $0 * from.count, from, sides, y + $0 * to.count, to) }
        case .function(let function):
            cfk_activate(isa, function, x, y, Int64(count * to.count))
        case .reshape:
            let copy = floats(step.copies[0])
            forEachSample {
                toChannelsFirst(x + $0 * from.count, from, copy)
                fromChannelsFirst(copy, y + $0 * to.count, to)
            }
        case .softmax:
            cfk_softmax(x, Int64(count), Int64(to.count), y)
        }
    }

    func forEachSample(_ body: (Int) -> Void) {
        for sample in 0..<count { body(sample) }
    }

    private func add(
        _ terms: [Floats], _ activation: cfk_activation, _ y: Floats, _ count: Int
    ) {
        let last = terms.count - 1
        let identity = cfk_activation(.identity)
        var sum = terms[0]
        for index in 1...last {
            cfk_add_activate(
                isa, index == last ? activation : identity, sum, terms[index], y, Int64(count))
            sum = y
        }
    }

    private func pad(
        _ x: Floats, _ from: FloatImage, _ sides: [Int], _ y: Floats, _ to: FloatImage
    ) {
        y.update(repeating: 0, count: to.count)
        let row = from.width * from.channels
        for line in 0..<from.height {
            let target = ((sides[0] + line) * to.width + sides[1]) * to.channels
            (y + target).update(from: x + line * row, count: row)
        }
    }

    // MARK: Orders in memory

    /// Copies an image as `[channels, height, width]`.
    func toChannelsFirst(_ x: Floats, _ image: FloatImage, _ y: Floats) {
        if image.isChannelsFirst { return y.update(from: x, count: image.count) }
        cfk_transpose(x, Int64(image.area), Int64(image.channels), y)
    }

    private func fromChannelsFirst(_ x: Floats, _ y: Floats, _ image: FloatImage) {
        if image.isChannelsFirst { return y.update(from: x, count: image.count) }
        cfk_transpose(x, Int64(image.channels), Int64(image.area), y)
    }
}
