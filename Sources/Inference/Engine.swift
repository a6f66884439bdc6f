public import PackedModel
import ThreadPool

/// How an engine runs.
public struct EngineOptions: Sendable, Equatable {
    /// Threads that share the work of a call, 1...``mostThreads``. Results do not depend on it.
    public var threads: Int
    public static let mostThreads = 1024
    public var isa: InstructionSet
    /// Which kind of kernel a layer gets; tests and benchmarks force one.
    package var kernels = KernelPreference.cheaper
    /// Work of a layer that pays for another thread, in nanoseconds; tests lower it. On two virtual
    /// cores, 4,000 made ShuffleNetV2 12 % slower than 8,000 and ResNet-18 none faster; 30,000
    /// made MobileNetV2 20 % slower.
    package var leastSharedWork = 8_000.0
    /// From so many samples on they run as a block; tests set what else costs decide.
    package var leastInBlock: Int?
    /// What a block of the whole network may take; tests leave it no room.
    package var mostWholeBytes = PreparedNetwork.mostBlockBytes

    public init(threads: Int = 1, isa: InstructionSet = .automatic) {
        self.threads = threads
        self.isa = isa
    }
}

/// Whether layers are packed for sparse or for dense kernels.
package enum KernelPreference: Sendable, CaseIterable {
    /// For each layer the kind that the costs of the kernels favour.
    case cheaper
    case sparse, dense

    /// Whether a layer with these estimates is packed for a sparse kernel.
    func choosesSparse(sparse: Double, dense: Double) -> Bool {
        switch self {
        case .cheaper: sparse <= dense
        case .sparse: true
        case .dense: false
        }
    }
}

/// Runs a `PackedModel` in integer arithmetic, or one in floats in theirs.
///
///     let engine = try Engine(model)
///     let classes = engine.predict(pixels: images)
///
/// Making an engine checks the model, packs its weights for the kernels of this CPU and lays out the
/// memory of a run; running allocates nothing. One engine may run on several threads at a time. Results
/// are equal on every CPU, for every batch size and for every number of threads, and equal to those of
/// ``ReferenceInterpreter``; <doc:IntegerSemantics> defines them. Those of models in floats do not depend
/// on batch size and threads, either, but differ in the last bits between instruction sets;
/// <doc:FloatSemantics> is about them.
public final class Engine: Sendable {
    public let options: EngineOptions
    private let prepared: Prepared
    let arenas: ArenaPool
    /// For threads that share a layer.
    let scratches: ArenaPool
    /// Shared by all runs: one at a time has its workers, others go on alone.
    let threads: ThreadPool

    /// How single samples in pixels run, if there is nothing but layers that read their whole input and one thread
    /// does each.
    package let vectorRun: VectorRun?

    private enum Prepared: Sendable {
        case integers(PreparedNetwork)
        case floats(FloatNetwork)
    }

    /// The network of a model in integers.
    var network: PreparedNetwork {
        guard case .integers(let network) = prepared else {
            preconditionFailure("the model is one in floats")
        }
        return network
    }

    /// The network of a model in floats.
    var floats: FloatNetwork? { if case .floats(let network) = prepared { network } else { nil } }

    public init(
        _ model: PackedModel, options: EngineOptions = EngineOptions()
    ) throws(EngineError) {
        guard (1...EngineOptions.mostThreads).contains(options.threads) else {
            throw .threads(found: options.threads)
        }
        self.options = options
        threads = ThreadPool(threads: options.threads)
        let kernels = try KernelSet(options.isa)
        if model.isFloat {
            let network = try FloatNetwork(
                model, kernels: kernels, preference: options.kernels, threads: threads)
            prepared = .floats(network)
            vectorRun = nil
            plan = network.plan
            (inputCount, outputCount) = (network.input.image.count, network.outputCount)
            scratches = network.scratches
        } else {
            let network = try PreparedNetwork(
                model, kernels: kernels, preference: options.kernels,
                leastInBlock: options.leastInBlock, mostWholeBytes: options.mostWholeBytes,
                threads: threads)
            prepared = .integers(network)
            let isShared =
                options.threads > 1
                && network.estimates.contains { $0 >= options.leastSharedWork }
            let isInBlock =
                if case .all(_, least: 1) = network.together { true } else { false }
            vectorRun =
                isShared || isInBlock
                ? nil
                : VectorRun(
                    network.single, network.layers, input: network.input,
                    pixelTable: network.pixelTable, kernels: kernels)
            plan = network.plan
            (inputCount, outputCount) = (
                network.input.channels * network.input.area, network.outputCount
            )
            let count = options.threads > 1 ? options.threads : 0
            let needed = network.plan.arenaBytes + count * network.scratchBytes
            guard needed <= PreparedNetwork.mostArenaBytes else {
                throw .memory(needed: needed, limit: PreparedNetwork.mostArenaBytes)
            }
            scratches = ArenaPool(byteCount: network.scratchBytes, count: count)
        }
        arenas = ArenaPool(byteCount: plan.arenaBytes, count: 1)
    }

    /// Which kernels run which layer, and what they need.
    public let plan: Plan

    /// Values of a raw sample, `[channels, height, width]`.
    public let inputCount: Int

    /// Logits of a sample.
    public let outputCount: Int

    // MARK: Running

    /// Writes the logits `[count, outputs]` of pixels `[count, channels, height, width]`.
    public func run(pixels: Span<UInt8>, count: Int, into logits: inout MutableSpan<Float>) {
        check(pixels.count, logits.count, count)
        pixels.withUnsafeBufferPointer { pixels in
            logits.withUnsafeMutableBufferPointer { logits in
                guard let input = pixels.baseAddress, let output = logits.baseAddress else {
                    return
                }
                run(Batch(input: .pixels(input), count: count, logits: output))
            }
        }
    }

    /// Writes the logits `[count, outputs]` of raw samples `[count, channels, height, width]`.
    public func run(samples: Span<Float>, count: Int, into logits: inout MutableSpan<Float>) {
        check(samples.count, logits.count, count)
        samples.withUnsafeBufferPointer { samples in
            logits.withUnsafeMutableBufferPointer { logits in
                guard let input = samples.baseAddress, let output = logits.baseAddress else {
                    return
                }
                run(Batch(input: .samples(input), count: count, logits: output))
            }
        }
    }

    /// The logits `[count, outputs]` of any number of images.
    public func logits(pixels: [UInt8]) -> [Float] {
        var logits = [Float](repeating: 0, count: count(of: pixels.count) * outputCount)
        var span = logits.mutableSpan
        run(pixels: pixels.span, count: count(of: pixels.count), into: &span)
        return logits
    }

    /// The logits `[count, outputs]` of any number of raw samples.
    public func logits(samples: [Float]) -> [Float] {
        var logits = [Float](repeating: 0, count: count(of: samples.count) * outputCount)
        var span = logits.mutableSpan
        run(samples: samples.span, count: count(of: samples.count), into: &span)
        return logits
    }

    /// The class of each image: the index of its largest logit, the first of equals.
    public func predict(pixels: [UInt8]) -> [Int] { classes(logits(pixels: pixels)) }

    /// The class of each raw sample: the index of its largest logit, the first of equals.
    public func predict(samples: [Float]) -> [Int] { classes(logits(samples: samples)) }

    private func classes(_ logits: [Float]) -> [Int] {
        stride(from: 0, to: logits.count, by: outputCount).map { start in
            var best = 0
            for index in 1..<max(outputCount, 1) where logits[start + index] > logits[start + best]
            {
                best = index
            }
            return best
        }
    }

    /// How many samples so many values are.
    private func count(of values: Int) -> Int {
        precondition(
            values.isMultiple(of: inputCount),
            "\(values) values are no whole number of samples of \(inputCount)")
        return values / inputCount
    }

    private func check(_ values: Int, _ logits: Int, _ count: Int) {
        precondition(
            count >= 0 && values == count * inputCount,
            "\(values) values for \(count) samples of \(inputCount)")
        precondition(
            logits == count * outputCount,
            "room for \(logits) logits, but \(count) samples have \(outputCount) each")
    }
}
