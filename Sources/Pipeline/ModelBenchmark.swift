import Container
import Foundation
import Inference

/// How fast the engine runs a model: each batch size on each number of threads, and each layer.
public struct ModelBenchmark: Codable, Sendable, Equatable {
    /// What is measured, and for how long.
    public struct Plan: Sendable {
        public var batches: [Int]
        public var threads: [Int]
        /// For each batch size and number of threads.
        public var seconds: Double

        public init(batches: [Int] = [1, 64], threads: [Int] = [1], seconds: Double = 1) {
            self.batches = batches
            self.threads = threads
            self.seconds = seconds
        }
    }

    /// Calls of one batch size on some threads.
    public struct Run: Codable, Sendable, Equatable {
        public var batch, threads: Int
        /// How many calls were timed.
        public var calls: Int
        /// Of a call.
        public var medianMicroseconds, p95Microseconds, p99Microseconds: Double
        /// By the median.
        public var samplesPerSecond: Double
        /// Multiplications with all weights, zeros included, and with the others only.
        public var denseGMACsPerSecond, nonzeroGMACsPerSecond: Double
    }

    /// A node of the network on one thread.
    public struct Layer: Codable, Sendable, Equatable {
        public var batch: Int
        public var name: String
        /// `nil` for a node without weights.
        public var kernel: String?
        /// For the whole batch.
        public var microseconds: Double
        /// Of the time of all nodes.
        public var share: Double
        public var denseGMACsPerSecond, nonzeroGMACsPerSecond: Double?
        /// Packed weights, read once a call or once a block, and values read and written by the batch.
        public var weightBytes, activationBytes: Int
    }

    public var file, network, isa: String
    /// For one sample.
    public var denseMACs, nonzeroMACs: Int
    public var runs: [Run]
    public var layers: [Layer]

    /// Measures a model.
    public init(contentsOf path: String, _ plan: Plan) throws {
        guard case .packed(let model) = try Model(contentsOf: path) else {
            throw PipelineError.notEncoded(path: path)
        }
        let (alone, engines) = try Model.naming(path) {
            let engines = try plan.threads.map {
                try Engine(model, options: EngineOptions(threads: $0))
            }
            return (try Engine(model), engines)
        }
        file = path
        network = model.name
        isa = alone.plan.instructionSet
        denseMACs = alone.plan.layers.reduce(0) { $0 + $1.weights * $1.positions }
        nonzeroMACs = alone.plan.layers.reduce(0) { $0 + $1.nonzeros * $1.positions }
        runs = Self.runs(engines, plan, denseMACs: denseMACs, nonzeroMACs: nonzeroMACs)
        layers = plan.batches.flatMap { Self.layers(alone, batch: $0, seconds: plan.seconds) }
    }
}

// MARK: Measuring

extension ModelBenchmark {
    /// Engines take turns, so that a machine that is busy for a while slows all of them.
    private static let rounds = 5
    /// The most calls that are timed one by one in a turn; what is left of the turn would say no more.
    private static let mostCalls = 100_000

    private static func runs(
        _ engines: [Engine], _ plan: Plan, denseMACs: Int, nonzeroMACs: Int
    ) -> [Run] {
        let cases = plan.batches.flatMap { batch in engines.map { (batch: batch, engine: $0) } }
        var times = [[Double]](repeating: [], count: cases.count)
        for _ in 0..<rounds {
            for (index, (batch, engine)) in cases.enumerated() {
                times[index] += turn(engine, batch: batch, seconds: plan.seconds / Double(rounds))
            }
        }
        return zip(cases, times).map { (`case`, times) in
            let sorted = times.sorted()
            let median = percentile(0.5, of: sorted)
            let samples = Double(`case`.batch) / median
            return Run(
                batch: `case`.batch, threads: `case`.engine.options.threads, calls: times.count,
                medianMicroseconds: median * 1e6,
                p95Microseconds: percentile(0.95, of: sorted) * 1e6,
                p99Microseconds: percentile(0.99, of: sorted) * 1e6, samplesPerSecond: samples,
                denseGMACsPerSecond: Double(denseMACs) * samples / 1e9,
                nonzeroGMACsPerSecond: Double(nonzeroMACs) * samples / 1e9)
        }
    }

    /// The seconds of each call of a turn, without the first call.
    private static func turn(_ engine: Engine, batch: Int, seconds: Double) -> [Double] {
        let pixels = (0..<batch * engine.inputCount).map { UInt8(truncatingIfNeeded: $0 &* 73) }
        var logits = [Float](repeating: 0, count: batch * engine.outputCount)
        var room = logits.mutableSpan
        engine.run(pixels: pixels.span, count: batch, into: &room)
        var times: [Double] = []
        let begin = ContinuousClock.now
        var last = begin
        repeat {
            engine.run(pixels: pixels.span, count: batch, into: &room)
            let now = ContinuousClock.now
            times.append((now - last) / .seconds(1))
            last = now
        } while times.count < mostCalls && (last - begin) / .seconds(1) < seconds
        return times
    }

    /// The smallest time that a share of all times does not exceed.
    static func percentile(_ share: Double, of sorted: [Double]) -> Double {
        sorted[max(Int((share * Double(sorted.count)).rounded(.up)) - 1, 0)]
    }

    private static func layers(_ engine: Engine, batch: Int, seconds: Double) -> [Layer] {
        let once = engine.profile(count: batch, turns: 1).reduce(0) { $0 + $1.nanoseconds }
        let turns = min(max(Int(seconds * 1e9 / max(once, 1)), 3), 1000)
        let nodes = engine.profile(count: batch, turns: turns)
        let total = nodes.reduce(0) { $0 + $1.nanoseconds }
        let plan = engine.plan
        return nodes.enumerated().filter { $1.nanoseconds > 0 }.map { index, node in
            let layer = plan.layers.first { $0.node == index }
            let inBlocks = plan.runsInBlocks(batch) && layer?.blockKernel != nil
            let rate = layer.map { Double($0.positions * batch) / node.nanoseconds }
            return Layer(
                batch: batch, name: node.name,
                kernel: inBlocks ? layer?.blockKernel : layer?.kernel,
                microseconds: node.nanoseconds / 1000, share: node.nanoseconds / total,
                denseGMACsPerSecond: rate.map { $0 * Double(layer!.weights) },
                nonzeroGMACsPerSecond: rate.map { $0 * Double(layer!.nonzeros) },
                weightBytes: (inBlocks ? layer?.blockKernelBytes : layer?.packedBytes) ?? 0,
                activationBytes: node.activationBytes * batch)
        }
    }
}

// MARK: Showing

extension ModelBenchmark {
    /// Tables for people.
    public func text(usesColor: Bool) -> String {
        var text = """
            \(file): \(network), \(NumberText.large(denseMACs)) multiply-adds a sample, \
            \(NumberText.large(nonzeroMACs)) with weights other than zero; kernels for \(isa)

            \(runTable.text(usesColor: usesColor))
            """
        for batch in Set(layers.map(\.batch)).sorted() {
            text += "\nlayers, batch \(batch), 1 thread\n\n"
            text += layerTable(batch: batch).text(usesColor: usesColor)
        }
        return text
    }

    private var runTable: TextTable {
        var table = TextTable([
            .numbers("batch"), .numbers("threads"), .numbers("median µs"), .numbers("p95 µs"),
            .numbers("p99 µs"), .numbers("samples/s"), .numbers("dense GMAC/s"),
            .numbers("nonzero GMAC/s"), .numbers("calls"),
        ])
        for run in runs {
            table.append([
                "\(run.batch)", "\(run.threads)", time(run.medianMicroseconds),
                time(run.p95Microseconds), time(run.p99Microseconds),
                NumberText.grouped(Int(run.samplesPerSecond)),
                NumberText.decimals(run.denseGMACsPerSecond, 1),
                NumberText.decimals(run.nonzeroGMACsPerSecond, 1), NumberText.grouped(run.calls),
            ])
        }
        return table
    }

    private func layerTable(batch: Int) -> TextTable {
        var table = TextTable([
            .words("layer"), .words("kernel"), .numbers("µs"), .numbers("%"),
            .numbers("dense GMAC/s"), .numbers("nonzero GMAC/s"), .numbers("weights"),
            .numbers("values"),
        ])
        for layer in layers where layer.batch == batch {
            table.append([
                layer.name, layer.kernel ?? NumberText.none, time(layer.microseconds),
                NumberText.decimals(100 * layer.share, 1),
                layer.denseGMACsPerSecond.map { NumberText.decimals($0, 1) } ?? NumberText.none,
                layer.nonzeroGMACsPerSecond.map { NumberText.decimals($0, 1) } ?? NumberText.none,
                layer.weightBytes > 0 ? NumberText.size(layer.weightBytes) : NumberText.none,
                NumberText.size(layer.activationBytes),
            ])
        }
        return table
    }

    private func time(_ microseconds: Double) -> String {
        NumberText.decimals(microseconds, microseconds < 100 ? 2 : 0)
    }
}
