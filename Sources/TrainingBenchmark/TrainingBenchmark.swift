import Foundation
import Networks
import Quantization
import Tensors
import Training

/// Times full training steps (forward, backward, update) on random images, for `make bench-training`.
///
///     TrainingBenchmark resnet-20 [--quantized] [--batch 128] [--threads 2]
///
/// It answers each line with a number of seconds on standard input by the images a second that it
/// trained meanwhile, so that several programs can be timed in turns. `--quantized` trains with LSQ+
/// at 4-bit weights and activations. The word `quantizer` in place of a network times one forward and
/// backward pass of fake quantization over 16 M floats against adding and copying as many bytes.
@main
struct TrainingBenchmark {
    static func main() throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        func value(_ name: String) -> Int? {
            arguments.firstIndex(of: name).flatMap {
                $0 + 1 < arguments.count ? Int(arguments[$0 + 1]) : nil
            }
        }
        let threads = value("--threads") ?? 2
        if arguments.first == "quantizer" {
            answer { QuantizerPasses(threads: threads).ratio(seconds: $0) }
            return
        }
        guard let name = arguments.first, let workload = Workload(rawValue: name) else {
            let known = Workload.allCases.map(\.rawValue) + ["quantizer"]
            FileHandle.standardError.write(
                Data("expected one of \(known.joined(separator: ", "))\n".utf8))
            exit(64)
        }
        var training = try Training(
            workload, isQuantized: arguments.contains("--quantized"),
            batch: value("--batch") ?? 128, threads: threads)
        answer { training.imagesPerSecond(seconds: $0) }
    }

    private static func answer(_ measure: (Double) -> Double) {
        while let line = readLine() {
            guard let seconds = Double(line) else { exit(64) }
            print(measure(seconds))
            fflush(nil)
        }
    }
}

/// The networks that are compared.
private enum Workload: String, CaseIterable {
    case resnet20 = "resnet-20"
    /// MobileNetV2 of half width with SiLU, for 32×32 images.
    case mobilenetV2 = "mobilenet-v2"
    case lenet5 = "lenet-5"
    case lenet300 = "lenet-300-100"

    var inputShape: [Int] {
        switch self {
        case .resnet20, .mobilenetV2: [32, 32, 3]
        case .lenet5, .lenet300: [28, 28, 1]
        }
    }

    func network() throws -> Network {
        var generator = SeededGenerator(seed: 1)
        switch self {
        case .mobilenetV2:
            return try Architecture.mobilenetV2.network(
                inputShape: inputShape, classes: 10, width: 0.5, stem: .cifar, activation: .silu,
                using: &generator)
        default:
            return try Architecture(rawValue: rawValue)!.network(
                inputShape: inputShape, classes: 10, using: &generator)
        }
    }
}

private struct Training {
    private var network: Network
    private var optimizer = Optimizer(.sgd(momentum: 0.9, nesterov: false), weightDecay: 5e-4)
    private var pass: Pass
    private var gradient = Tensor.empty
    private let images: Tensor
    private let labels: [Int]
    private let loss = Loss()

    init(_ workload: Workload, isQuantized: Bool, batch: Int, threads: Int) throws {
        network = try workload.network()
        if isQuantized { network = try network.quantized() }
        pass = Pass(isTraining: true, threads: threads)
        var generator = SeededGenerator(seed: 2)
        var images = Tensor(shape: [batch] + workload.inputShape)
        for index in 0..<images.count { images[index] = generator.normal() }
        self.images = images
        labels = (0..<batch).map { $0 % 10 }
        for _ in 0..<2 { step() }
    }

    private mutating func step() {
        let logits = network.forward(images, pass: &pass)
        _ = loss.evaluate(logits: logits, labels: labels, teacher: nil, gradient: &gradient)
        network.backward(gradient, pass: &pass)
        optimizer.update(&network, learningRate: 1e-4, threads: pass.threads)
    }

    mutating func imagesPerSecond(seconds: Double) -> Double {
        let clock = ContinuousClock()
        let begin = clock.now
        var steps = 0
        repeat {
            step()
            steps += 1
        } while (clock.now - begin) / .seconds(1) < seconds
        return Double(steps * labels.count) / ((clock.now - begin) / .seconds(1))
    }
}

extension Network {
    /// With 4-bit weights and activations, as the stage `quantize` has them.
    fileprivate func quantized() throws -> Network {
        var network = try separatingFunctions()
        var names: [String] = []
        network.visitParameters { name, parameter in
            guard parameter.trained.value.shape.count > 1 else { return }
            names.append(String(name.dropLast(".weight".count)))
            parameter.quantize(with: WeightQuantizer(bits: 4, fitting: parameter.effective))
        }
        let placement = QuantizerPlacement(
            network, bits: .init(layers: Dictionary(uniqueKeysWithValues: names.map { ($0, 4) })))
        return try placement.network(
            with: placement.sites.map { site in
                ActivationQuantizer(
                    bits: site.bits,
                    scheme: site.role == .layer ? .unsignedAsymmetric : .signedAsymmetric,
                    step: 4 / Float(1 << site.bits), isLearned: site.role != .input)
            })
    }
}

/// Fake quantization of 16 M floats, forward and backward, against a plain loop that reads and writes
/// as much memory.
private struct QuantizerPasses {
    let threads: Int
    private let count = 1 << 24

    init(threads: Int) { self.threads = threads }

    /// The time of both passes over that of plain additions: 1 is as fast as memory allows.
    func ratio(seconds: Double) -> Double {
        var (x, y, dx) = (Tensor(shape: [count]), Tensor(shape: [count]), Tensor(shape: [count]))
        var generator = SeededGenerator(seed: 3)
        for index in 0..<count { x[index] = generator.uniform() }
        let grid = UniformGrid(bits: 4, isSigned: false, step: 1.0 / 16, offset: 0.01)
        let clock = ContinuousClock()
        var (quantizing, adding) = (Double.infinity, Double.infinity)
        let begin = clock.now
        repeat {
            var start = clock.now
            grid.fakeQuantize(x, into: &y, threads: threads)
            _ = grid.backpropagate(x, resultGradient: y, into: &dx, threads: threads)
            quantizing = min(quantizing, (clock.now - start) / .seconds(1))
            // The forward pass reads one array and writes one, the backward pass reads two and writes
            // one: as a copy and a sum of two arrays do.
            start = clock.now
            y.assign(.relu, of: x, threads: threads)
            dx.assignSum(x, y, .identity, threads: threads)
            adding = min(adding, (clock.now - start) / .seconds(1))
        } while (clock.now - begin) / .seconds(1) < seconds
        return quantizing / adding
    }
}
