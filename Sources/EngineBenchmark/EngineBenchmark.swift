import Inference
import PackedModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Times the engine on networks with random sparse weights, by CPU time of one thread.
///
///     EngineBenchmark resnet-18 [--bits 4] [--density 0.1 | --paper] [--batch 1] [--layers]
///         [--write FILE]
///
/// prints milliseconds a batch, the shortest of many runs, and bytes of packed weights a nonzero, with
/// `--layers` of each step of one sample, and with `--write` makes a `.shrink` file of the network
/// instead. `all` stands for every network, `--paper` for the densities of Deep Compression.
///
///     EngineBenchmark files FOLDER
///
/// makes the files of `make bench`.
@main
struct EngineBenchmark {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        func value(_ name: String) -> String? {
            arguments.firstIndex(of: name).flatMap {
                $0 + 1 < arguments.count ? arguments[$0 + 1] : nil
            }
        }
        if arguments.count == 2, arguments[0] == "files" {
            return try ModelFiles.write(into: arguments[1])
        }
        let networks =
            arguments.first == "all"
            ? BenchmarkNetwork.allCases
            : arguments.first.flatMap(BenchmarkNetwork.init).map { [$0] } ?? []
        if networks.isEmpty {
            let known = ["all", "files"] + BenchmarkNetwork.allCases.map(\.rawValue)
            print("expected one of \(known.joined(separator: ", "))")
            exit(64)
        }
        var recipe = Recipe(
            bits: value("--bits").flatMap { Int($0) } ?? 4,
            density: value("--density").flatMap { Double($0) } ?? 0.1)
        let batch = value("--batch").flatMap { Int($0) } ?? 1
        for network in networks {
            if arguments.contains("--paper") {
                recipe.densities = ModelFiles.paperDensities[network]
            }
            let model = network.model(recipe)
            if let path = value("--write") {
                try ModelFiles.write(model, to: path)
                continue
            }
            let engine = try Engine(model)
            if arguments.contains("--layers") { printLayers(of: engine) }
            let time = milliseconds(engine, batch: batch)
            let weights = recipe.densities == nil ? "\(recipe.density)" : "paper"
            print(
                "\(network.rawValue) W\(recipe.bits)A\(recipe.bits) \(weights): \(time) ms,",
                "\(bytesOfNonzero(engine.plan)) B a nonzero (\(engine.plan.instructionSet))")
        }
    }

    private static func bytesOfNonzero(_ plan: Plan) -> Double {
        Double(plan.layers.reduce(0) { $0 + $1.packedBytes })
            / Double(plan.layers.reduce(0) { $0 + $1.nonzeros })
    }

    private static func pixels(_ count: Int) -> [UInt8] {
        var random = SplitMix64(state: 2)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    /// The shortest CPU time of a batch, of about two seconds of runs.
    private static func milliseconds(_ engine: Engine, batch: Int) -> Double {
        let input = pixels(batch * engine.inputCount)
        var logits = [Float](repeating: 0, count: batch * engine.outputCount)
        var shortest = Double.infinity
        var total = 0.0
        while total < 2 {
            let start = threadSeconds
            var span = logits.mutableSpan
            engine.run(pixels: input.span, count: batch, into: &span)
            let time = threadSeconds - start
            shortest = min(shortest, time)
            total += time
        }
        return shortest * 1e3
    }

    private static func printLayers(of engine: Engine) {
        for node in engine.profile(count: 1, turns: 50) {
            let kernel = engine.plan.layers.first { $0.name == node.name }?.kernel ?? ""
            print("\(node.nanoseconds / 1e3) us  \(node.name)  \(kernel)")
        }
    }

    private static var threadSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
    }
}
