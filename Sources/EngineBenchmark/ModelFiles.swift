import Container
import PackedModel

#if canImport(Darwin)
    import Darwin
#elseif canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The `.shrink` files that `make bench` compares engines on: `NETWORK.BITS.WEIGHTS.shrink`, such as
/// `resnet-18.w4a4.s90.shrink` with 90 % zeros, or `lenet-5.w8a8.dc.shrink` with the densities of
/// Deep Compression (Han, Mao & Dally 2016, tables 2–5).
enum ModelFiles {
    /// Writes those that are missing.
    static func write(into folder: String) throws {
        for file in networks + layers {
            let path = "\(folder)/\(file.name).shrink"
            guard access(path, F_OK) != 0 else { continue }
            print(file.name)
            try write(file.model(), to: path)
        }
    }

    /// Whole or not at all.
    static func write(_ model: PackedModel, to path: String) throws {
        // One mode for all tensors: trying every one takes minutes for the large networks.
        let options = EncodingOptions(mode: .gapClasses, scanOrder: .rowMajor, usesZstd: false)
        let bytes = try Container.write(model, options: options).bytes
        guard let file = fopen(path + ".part", "wb") else { fatalError("can not write '\(path)'") }
        bytes.withUnsafeBufferPointer { _ = fwrite($0.baseAddress, 1, $0.count, file) }
        fclose(file)
        rename(path + ".part", path)
    }

    private struct File {
        var name: String
        var model: () -> PackedModel
    }

    // MARK: Networks

    private static var networks: [File] {
        BenchmarkNetwork.allCases.flatMap { network in
            var recipes = [(4, 0.1, "s90"), (8, 0.1, "s90"), (4, 0.05, "s95")].map {
                (bits: $0, recipe: Recipe(bits: $0, density: $1), weights: $2)
            }
            if let densities = paperDensities[network] {
                recipes += [4, 8].map { ($0, Recipe(bits: $0, densities: densities), "dc") }
            }
            return recipes.map { bits, recipe, weights in
                File(name: "\(network.rawValue).w\(bits)a\(bits).\(weights)") {
                    network.model(recipe)
                }
            }
        }
    }

    static let paperDensities: [BenchmarkNetwork: [Double]] = [
        .lenet300x100: [0.08, 0.09, 0.26],
        .lenet5: [0.66, 0.12, 0.08, 0.19],
        .alexnet: [0.84, 0.38, 0.35, 0.37, 0.37, 0.09, 0.09, 0.25],
        .vgg16: [
            0.58, 0.22, 0.34, 0.36, 0.53, 0.24, 0.42, 0.32, 0.27, 0.34, 0.35, 0.29, 0.36,
            0.04, 0.04, 0.23,
        ],
    ]

    // MARK: Single layers

    private static let fullyConnected = [
        ("alexnet-fc6", 9216, 4096, 0.09), ("alexnet-fc7", 4096, 4096, 0.09),
        ("alexnet-fc8", 4096, 1000, 0.25), ("vgg-16-fc6", 25088, 4096, 0.04),
        ("vgg-16-fc7", 4096, 4096, 0.04), ("vgg-16-fc8", 4096, 1000, 0.23),
        // The layer before one whose weights are cold: it leaves nothing but the engine in the caches.
        ("layer-before", 256, 64, 0.25),
    ]

    private static var layers: [File] {
        fullyConnected.flatMap { name, inputs, outputs, density in
            [8, 4].map { activationBits in
                File(name: "\(name).w4a\(activationBits).dc") {
                    let recipe = Recipe(bits: 4, densities: [density], inputBits: activationBits)
                    var network = RandomModel(name, shape: [inputs], recipe)
                    _ = network.linear(network.input, outputs, isLast: true)
                    return network.model
                }
            }
        }
    }
}
