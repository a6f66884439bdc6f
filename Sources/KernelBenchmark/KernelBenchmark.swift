import CIntegerKernels
import Foundation

/// Times single layers on one thread against a plain dense product of floats, in turns in one process.
///
///     KernelBenchmark [--all] [name ...]
///
/// `--all` times every variant of the kernels that this CPU can run; names choose layers, such as
/// `VGG-16`. Times are of the processor, so that other programs disturb little: the least of the warm
/// ones, whose weights are where the last run left them, and the median of the cold ones, whose
/// weights are in memory alone.
@main
struct KernelBenchmark {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        let names = arguments.filter { !$0.hasPrefix("--") }
        let variants = (0..<cik_kernel_set_count()).map { cik_kernel_set_at($0)!.pointee }
            .filter { $0.supported() }
        let chosen = arguments.contains("--all") ? variants : variants.suffix(1)
        print(Figures.head)
        for layer in FullyConnectedLayer.deepCompression
        where names.isEmpty || names.contains(where: layer.name.contains) {
            report(layer.name, layer.contenders(chosen))
        }
    }

    /// Prints a line for each contender; the first is what the others are compared with.
    private static func report(_ layer: String, _ contenders: [Contender]) {
        let times = timed(contenders)
        for (contender, time) in zip(contenders, times) {
            print(Figures(layer: layer, contender: contender, time: time, baseline: times[0]))
        }
        fflush(nil)
    }
}
