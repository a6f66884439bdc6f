import ArgumentParser
import Foundation
import Pipeline

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure how fast the engine runs a .shrink file, as a whole and layer by layer.",
        discussion: """
            For each batch size and number of threads: the median, 95th and 99th percentile of a \
            call's time, samples a second, and multiply-adds a second, counted with all weights \
            (dense) and with those other than zero. For each layer on one thread: its time, its \
            kernel, and the bytes of weights and values that it touches. The environment variable \
            SHRINK_ISA chooses another instruction set than the fastest: scalar, avx2, avx512vnni, \
            avx512 (with VBMI) or neon.

            EXAMPLE
              shrink bench build/digits/model.shrink
              shrink bench build/digits/model.shrink --batch 1,16,64 --threads 1,2 \\
                --seconds 3
              shrink bench build/digits/model.shrink --json
            """)

    @Argument(help: "A .shrink file.")
    var model: String

    @Option(help: "Batch sizes, 1...65536, with commas between them.")
    var batch = Counts([1, 64])

    @Option(help: "Numbers of threads, with commas between them.")
    var threads = Counts([1])

    @Option(help: "How long each batch size runs on each number of threads, at most.")
    var seconds = 1.0

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard seconds > 0, seconds <= 86400 else {
            throw ValidationError("--seconds wants a number above 0, at most 86400, not \(seconds)")
        }
    }

    func run() throws {
        let benchmark = try ModelBenchmark(
            contentsOf: model,
            ModelBenchmark.Plan(
                batches: batch.values, threads: threads.values, seconds: seconds))
        print(
            json ? try jsonText(benchmark) : benchmark.text(usesColor: Terminal.usesColor),
            terminator: "")
    }
}

/// Numbers from 1 to 65536, such as `1,16,64`.
struct Counts: ExpressibleByArgument {
    let values: [Int]

    init(_ values: [Int]) { self.values = values }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int($0) }
        guard numbers.count == parts.count, numbers.allSatisfy((1...65536).contains) else {
            return nil
        }
        // Each once, in the order given.
        values = numbers.indices.filter { !numbers[..<$0].contains(numbers[$0]) }
            .map { numbers[$0] }
    }

    var defaultValueDescription: String { values.map(String.init).joined(separator: ",") }
}
