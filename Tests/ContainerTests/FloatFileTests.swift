import Container
import PackedModel
import Testing

/// One linear layer in half precision.
private func halfModel(
    shape: [Int], density: Double, distinct: Int, seed: UInt64
) -> PackedModel {
    let positions = randomTensor(shape: shape, levels: [0, 1], density: density, seed: seed)
    var model = linearModel(halves(of: positions, distinct: distinct, seed: seed))
    model.input.quantizer = nil
    return model
}

/// Files of models in floats.
struct FloatFileTests {
    @Test(arguments: allModes, ScanOrder.allCases)
    func `halves of every density come back in every mode and order`(
        mode: CodingMode, order: ScanOrder
    ) throws {
        for (index, density) in [0, 0.004, 0.3, 1].enumerated() {
            for distinct in [1, 30, 255, 256, 60_000] {
                let model = halfModel(
                    shape: [23, 37], density: density, distinct: distinct, seed: UInt64(index))
                try expectRoundTrip(
                    model,
                    EncodingOptions(mode: mode, scanOrder: order, usesZstd: distinct < 256),
                    "density \(density), \(distinct) halves")
            }
        }
    }

    @Test(arguments: allModes, ScanOrder.allCases)
    func `a decoder written from the format's description reads the same halves`(
        mode: CodingMode, order: ScanOrder
    ) throws {
        let options = EncodingOptions(mode: mode, scanOrder: order, usesZstd: false)
        for seed in 0..<3 as Range<UInt64> {
            let model = floatModel(seed: seed)
            #expect(SlowDecoder.model(try Container.write(model, options: options).bytes) == model)
        }
        for (index, density) in [0, 0.05, 1].enumerated() {
            for distinct in [1, 20, 5000] {
                let model = halfModel(
                    shape: [19, 43], density: density, distinct: distinct, seed: UInt64(index))
                let bytes = try Container.write(model, options: options).bytes
                #expect(SlowDecoder.model(bytes) == model, "\(distinct) halves, \(density)")
            }
        }
    }

    @Test func `all 63,488 halves but the zeros come back`() throws {
        let all = (1...UInt16.max).filter { HalfPrecision.isNonzero($0) }
        #expect(all.count == 63_486)
        let weights = PackedTensor(
            shape: [2, 31_743], gaps: all.map { _ in 0 }, halves: all, scales: [1, -0.5])
        var model = linearModel(weights)
        model.input.quantizer = nil
        try expectRoundTrip(model, EncodingOptions())
    }

    @Test func `a graph in floats comes back, in version 3`() throws {
        for seed in 0..<5 as Range<UInt64> {
            try expectRoundTrip(floatModel(seed: seed), EncodingOptions())
            try expectRoundTrip(floatModel(seed: seed), EncodingOptions(usesZstd: false))
        }
        #expect(try Container.write(floatModel()).bytes[4] == 3)
        #expect(try Container.write(graphModel()).bytes[4] == 2)
    }

    @Test func `shared halves take a code each, others at most 16 bits`() throws {
        let shared = halfModel(shape: [100, 100], density: 1, distinct: 15, seed: 1)
        let sharedTensor = try Container.write(shared).summary.tensors[0]
        #expect(sharedTensor.isHalf && sharedTensor.levels == 16)
        #expect(sharedTensor.bytes < 100 * 100 * 4 / 8 + 100)
        let own = halfModel(shape: [100, 100], density: 1, distinct: 60_000, seed: 1)
        let ownTensor = try Container.write(own).summary.tensors[0]
        // Half of the weights are between 0.05 and 0.3 in magnitude: their upper bytes are few.
        #expect(try #require(ownTensor.weightBitsCoded) < 14)
        #expect(Double(ownTensor.bytes) < 1.02 * Double(ownTensor.entropyBoundBytes))
        #expect(ownTensor.entropyBoundBytes <= ownTensor.bytes)
    }

    @Test func `a table of halves has none that no weight may have, used or not`() throws {
        let model = halfModel(shape: [3, 5], density: 0, distinct: 1, seed: 1)
        let metadata = try payloads(of: Container.write(model).bytes)[0]
        /// Packed, two halves in the table, no nonzeros.
        func file(_ half: UInt16) -> [UInt8] {
            let table = [0x3C, 0x00, UInt8(half >> 8), UInt8(half & 0xFF)]
            return ContainerTests.file([metadata, [1 | 32, 2] + table + [0]], version: 3)
        }
        #expect(throws: Never.self) { try Container.read(file(0x4000)) }
        for (half, number) in [(0x7C00, Float.infinity), (0xFC00, -.infinity), (0, 0), (0x8000, 0)]
            as [(UInt16, Float)]
        {
            #expect(
                throws: ContainerError.invalidNumber(
                    section: .tensor("fc"), field: "half", found: number, expected: .nonzero)
            ) { try Container.read(file(half)) }
        }
    }

    @Test func `integers without nonzeros are no halves, either`() throws {
        var model = halfModel(shape: [3, 5], density: 0, distinct: 1, seed: 1)
        // No halves and no nonzeros: eight bits and four.
        let section: [UInt8] = [1 | 32, 0, 0]
        let floats = try payloads(of: Container.write(model).bytes)[0]
        #expect(throws: Never.self) { try Container.read(file([floats, section], version: 3)) }
        model.input.quantizer = unsigned8
        let integers = try payloads(of: Container.write(model).bytes)[0]
        #expect(
            throws: ContainerError.reserved(section: .tensor("fc"), field: "form", found: 33)
        ) { try Container.read(file([integers, section], version: 3)) }
    }

    private static func with(_ change: (inout PackedLayer) -> Void) -> PackedModel {
        var model = floatModel()
        var layer = model.nodes[0].operation.layer!
        change(&layer)
        model.nodes[0].operation.layer = layer
        return model
    }

    private static func with(
        node name: String, _ operation: PackedOperation
    ) -> PackedModel {
        var model = floatModel()
        model.nodes[model.nodes.firstIndex { $0.name == name }!].operation = operation
        return model
    }

    private static func integers(_ change: (inout PackedModel) -> Void) -> PackedModel {
        var model = graphModel()
        change(&model)
        return model
    }

    static let invalid: [(String, PackedModel)] = [
        ("an infinite half", with { $0.weights.halves[2] = 0x7C00 }),
        ("a half that is no number", with { $0.weights.halves[2] = 0xFE01 }),
        ("a half of zero", with { $0.weights.halves[2] = 0 }),
        ("a half of negative zero", with { $0.weights.halves[2] = 0x8000 }),
        ("a half missing", with { $0.weights.halves.removeLast() }),
        ("codes beside halves", with { $0.weights.codes = [1] }),
        ("levels beside halves", with { $0.weights.levels = [0, 1] }),
        ("a half outside of the tensor", with { $0.weights.gaps[0] += 300 }),
        ("a quantized layer in floats", with { $0.output = unsigned8 }),
        ("a quantized sum in floats", with(node: "sum", .add(.relu, output: unsigned4))),
        ("a smooth function in a layer", with { $0.activation = .silu }),
        ("a softmax before the end", with(node: "image", .softmax)),
        (
            "a sum of integers without a quantizer",
            integers { $0.nodes[2].operation = .add(.relu, output: nil) }
        ),
        ("an input of integers without a quantizer", integers { $0.input.quantizer = nil }),
        (
            "halves in integers",
            integers {
                var layer = $0.nodes[0].operation.layer!
                layer.weights = halves(of: layer.weights, distinct: 9, seed: 1)
                $0.nodes[0].operation.layer = layer
            }
        ),
    ]

    @Test(arguments: invalid)
    func `a model in floats that can not be run is not written`(
        _ name: String, _ model: PackedModel
    ) throws {
        try Container.validate(floatModel())
        #expect(throws: ContainerError.self, "\(name)") { try Container.validate(model) }
        #expect(throws: ContainerError.self, "\(name)") { try Container.write(model) }
    }
}
