import Foundation
import Networks
import Tensors
import Training

let packageRoot = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

extension Tensor {
    var bits: [UInt32] { elements.map(\.bitPattern) }

    static func random(_ shape: [Int], using generator: inout SeededGenerator) -> Tensor {
        Tensor(
            shape: shape,
            elements: (0..<shape.reduce(1, *)).map { _ in 2 * generator.uniform() - 1 })
    }
}

extension Network {
    /// The bits of everything that is trained, by name.
    var variableBits: [String: [UInt32]] {
        var (copy, bits) = (self, [String: [UInt32]]())
        copy.visitVariables { bits[$0] = $1.value.bits }
        return bits
    }
}

/// `effective = factor · value`, with a trained factor.
struct Scaling: Parametrization {
    static let kind = "scaling"
    var factor: Variable

    init(factor: Tensor) { self.factor = Variable(factor, decays: false) }

    func apply(to value: Tensor, into effective: inout Tensor, threads: Int) {
        for index in 0..<value.count { effective[index] = factor.value[0] * value[index] }
    }

    mutating func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor,
        threads: Int
    ) {
        factor.gradient[0] = 0
        for index in 0..<value.count {
            valueGradient[index] = factor.value[0] * effectiveGradient[index]
            factor.gradient[0] += value[index] * effectiveGradient[index]
        }
    }

    mutating func visitVariables(_ visit: (String, inout Variable) -> Void) {
        visit("factor", &factor)
    }

    var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.tensors["factor"] = factor.value
        return state
    }

    init(state: SavedState) throws { self.init(factor: try state.tensor("factor")) }
}

/// Lets through the weights whose bytes are not zero.
struct Sieve: Parametrization {
    static let kind = "sieve"
    let kept: [UInt8]

    func requireFit(to shape: [Int]) throws(SavedStateError) {
        guard kept.count == shape.reduce(1, *) else {
            throw .wrongShape(
                kind: Self.kind, field: "kept", found: [kept.count], expected: shape)
        }
    }

    func apply(to value: Tensor, into effective: inout Tensor, threads: Int) {
        for index in 0..<value.count { effective[index] = kept[index] != 0 ? value[index] : 0 }
    }

    func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor,
        threads: Int
    ) {
        for index in 0..<value.count {
            valueGradient[index] = kept[index] != 0 ? effectiveGradient[index] : 0
        }
    }

    var state: SavedState {
        var state = SavedState(kind: Self.kind)
        state.bytes["kept"] = kept
        state.numbers["count"] = Double(kept.count)
        return state
    }

    init(kept: [UInt8]) { self.kept = kept }
    init(state: SavedState) throws { kept = try state.bytes("kept") }
}

let vocabulary = Vocabulary.standard.adding(
    layers: [], parametrizations: [Scaling.self, Sieve.self])

/// Convolution, pooling, ReLU, flatten, dropout, linear: 6×6 images to 3 classes.
func tinyNetwork(seed: UInt64, parametrized: Bool = false) throws -> Network {
    let geometry = ConvolutionGeometry(
        height: 6, width: 6, channels: 1, outputs: 4, kernel: [3, 3], stride: [1, 1],
        padding: [1, 1])
    var network = try Network(
        name: "tiny", inputShape: [6, 6, 1],
        chain: [
            ("conv", Convolution(geometry)), ("pool", MaxPooling(kernel: [2, 2], stride: [2, 2])),
            ("relu", Activation(.relu)), ("flatten", Flatten()), ("dropout", Dropout(rate: 0.25)),
            ("fc", Linear(inputs: 36, outputs: 3)),
        ])
    var generator = SeededGenerator(seed: seed)
    network.initialize(using: &generator)
    if parametrized {
        network.visitParameters { name, parameter in
            guard name == "fc.weight" else { return }
            let kept = (0..<parameter.effective.count).map { UInt8($0 % 3) }
            let scaling = Scaling(factor: Tensor(shape: [1], elements: [0.5]))
            parameter.setChain([scaling, Sieve(kept: kept)])
        }
    }
    return network
}

/// Noisy 6×6 images whose class is the third that is brighter.
func tinyImages(count: Int, seed: UInt64) -> LabelledImages {
    var generator = SeededGenerator(seed: seed)
    let labels = (0..<count).map { _ in Int.random(in: 0...2, using: &generator) }
    let pixels = labels.flatMap { label in
        (0..<36).map { pixel in
            UInt8.random(in: 0...150, using: &generator) + (pixel / 12 == label ? 100 : 0)
        }
    }
    return LabelledImages(
        shape: [1, 6, 6], pixels: pixels, labels: labels,
        values: [(0...255).map { Float($0) / 128 - 1 }])
}

/// A folder that is there as long as `body` runs.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = NSTemporaryDirectory() + "shrink-training-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
}
