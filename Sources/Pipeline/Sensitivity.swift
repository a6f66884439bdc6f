import Foundation
import Importing
import Networks
import Pruning
import Quantization
import Tensors
import Training

/// How much accuracy each layer costs by itself: with part of its weights pruned, or with its weights
/// at few bits, everything else as it was and nothing retrained (Han et al. 2015, arXiv 1506.02626,
/// section 4; Li et al. 2017, arXiv 1608.08710, section 3.2).
public struct Sensitivity: Sendable, Codable, Equatable {
    public struct Layer: Sendable, Codable, Equatable {
        public var name: String
        public var weights: Int
        /// For each sparsity of the scan, the accuracy.
        public var pruned: [Double]
        /// For each number of bits of the scan, the accuracy.
        public var quantized: [Double]
    }

    /// Which images the accuracies are of.
    public var split: String
    public var count: Int
    /// Of the network as it is.
    public var accuracy: Double
    public var sparsities: [Double]
    public var bits: [Int]
    public var layers: [Layer]

    public static let usualSparsities = [0.5, 0.7, 0.8, 0.9, 0.95]
    public static let usualBits = [2, 3, 4, 6, 8]

    /// Scans all layers with weights.
    /// - Parameter progress: called before each layer with its number and name.
    public init(
        of network: Network, on images: LabelledImages, split: String,
        sparsities: [Double] = usualSparsities, bits: [Int] = usualBits, threads: Int,
        progress: (_ layer: Int, _ count: Int, _ name: String) -> Void = { _, _, _ in }
    ) {
        var network = network
        let names = network.weightedLayers
        self.split = split
        count = images.count
        accuracy = network.evaluate(on: images, threads: threads).top1
        self.sparsities = sparsities
        self.bits = bits
        layers = []
        for (index, name) in names.enumerated() {
            progress(index + 1, names.count, name)
            var layer = Layer(name: name, weights: 0, pruned: [], quantized: [])
            network.visitWeights { if $0 == name { layer.weights = $1.effective.count } }
            for sparsity in sparsities {
                layer.pruned.append(
                    network.accuracy(of: name, on: images, threads) {
                        $0.prune(with: Mask(pruning: $0.effective, toSparsity: sparsity))
                    })
            }
            for bits in bits {
                layer.quantized.append(
                    network.accuracy(of: name, on: images, threads) {
                        $0.quantize(with: WeightQuantizer(bits: bits, fitting: $0.effective))
                    })
            }
            layers.append(layer)
        }
    }
}

extension Network {
    /// The accuracy with one layer's weights changed.
    fileprivate func accuracy(
        of layer: String, on images: LabelledImages, _ threads: Int,
        _ change: (inout Parameter) -> Void
    ) -> Double {
        var changed = self
        changed.visitWeights { name, weight in
            guard name == layer else { return }
            // What it computes with becomes what it is, so that any chain can be changed further.
            weight = Parameter(weight.effective, decays: true)
            change(&weight)
        }
        return changed.evaluate(on: images, threads: threads).top1
    }
}

extension Sensitivity {
    /// Accuracies in percent: a row a layer, first by sparsity, then by bits.
    public func text(usesColor: Bool) -> String {
        var table = TextTable(
            [.words("layer"), .numbers("weights")]
                + sparsities.map { .numbers("\(Self.percent($0)) % pruned") }
                + bits.map { .numbers("\($0) bits") })
        for layer in layers {
            table.append(
                [layer.name, "\(layer.weights)"]
                    + (layer.pruned + layer.quantized).map { String(format: "%.2f", 100 * $0) })
        }
        let head = String(
            format:
                "accuracy in %% on %d %@ images, one layer changed at a time; unchanged %.2f\n\n",
            count, split == Split.train.rawValue ? "training" : split, 100 * accuracy)
        return head + table.text(usesColor: usesColor)
    }

    private static func percent(_ share: Double) -> String {
        String(format: share * 100 == (share * 100).rounded() ? "%.0f" : "%.1f", share * 100)
    }
}

extension Model {
    /// Scans a checkpoint's layers on images of a training set.
    /// - Parameter split: `validation` for those that were set aside.
    /// - Throws: `PipelineError` for a `.shrink` file, or images of another shape.
    public func sensitivity(
        path: String, on set: DataSet, split: Split, sparsities: [Double], bits: [Int],
        threads: Int,
        progress: (_ layer: Int, _ count: Int, _ name: String) -> Void
    ) throws -> Sensitivity {
        guard case .checkpoint(let network, let normalization, _) = self else {
            throw PipelineError.noModel(
                path: path, reason: "a .shrink file, expected a checkpoint, whose layers can change"
            )
        }
        let set = try labelled(set)
        let images = LabelledImages(set, normalization ?? PixelNormalization(scaling: set))
        return Sensitivity(
            of: network, on: images, split: split.rawValue, sparsities: sparsities, bits: bits,
            threads: threads, progress: progress)
    }
}

extension Checkpoint {
    /// The note with how many of the last training samples were set aside for choices.
    static let validationNote = "validation"

    /// What that note says; `nil` for a checkpoint that no pipeline has written.
    public static func validationCount(path: String) throws -> Int? {
        try Safetensors(contentsOf: path).metadata[validationNote].flatMap { Int($0) }
    }
}
