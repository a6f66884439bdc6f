import Container
import PackedModel
import Testing

let allModes: [CodingMode] =
    [.raw, .packed, .gapClasses, .joint, .rice, .lineClasses]
    + (1...8).map { .deepCompression(indexBits: $0) }

/// Writes, reads, and compares; also that `inspect` finds what `write` said.
func expectRoundTrip(
    _ model: PackedModel, _ options: EncodingOptions, _ comment: Comment? = nil
) throws {
    let (bytes, summary) = try Container.write(model, options: options)
    let decoded = try Container.read(bytes)
    #expect(decoded == model, comment)
    var inspected = try Container.inspect(bytes)
    for index in inspected.tensors.indices {
        inspected.tensors[index].candidates = summary.tensors[index].candidates
    }
    #expect(inspected == summary, comment)
    #expect(try Container.write(decoded, options: options).bytes == bytes, comment)
}

struct RoundTripTests {
    @Test(arguments: allModes, ScanOrder.allCases)
    func `every mode and order gives back every width and density`(
        mode: CodingMode, order: ScanOrder
    ) throws {
        for bits in 1...8 {
            for (index, density) in [0, 0.004, 0.04, 0.3, 0.97, 1].enumerated() {
                let levels =
                    bits == 8
                    ? [0] + (-127...127).filter { $0 != 0 }.map { Int8($0) }
                    : gridLevels(1 << bits)
                let weights = randomTensor(
                    shape: [37, 53], levels: levels, density: density,
                    seed: UInt64(bits * 8 + index))
                try expectRoundTrip(
                    linearModel(weights), EncodingOptions(mode: mode, scanOrder: order),
                    "\(bits) bits, density \(density)")
            }
        }
    }

    @Test(arguments: allModes)
    func `the smallest shapes come back`(mode: CodingMode) throws {
        for shape in [[1, 1], [1, 2], [2, 1], [1, 9], [9, 1], [2, 3]] {
            let count = shape.reduce(1, *)
            for nonzeros in Set([0, 1, count]) {
                for last in [false, true] {
                    let dense = (0..<count).map { index -> UInt8 in
                        (last ? count - 1 - index : index) < nonzeros ? 1 : 0
                    }
                    for levels in [[0, 1], [0, -5, 9]] as [[Int8]] {
                        let weights = tensor(shape: shape, levels: levels, dense: dense)
                        for order in ScanOrder.allCases {
                            try expectRoundTrip(
                                linearModel(weights), EncodingOptions(mode: mode, scanOrder: order),
                                "\(shape), \(nonzeros) nonzeros")
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: allModes)
    func `gaps at the edges of classes and fillers come back`(mode: CodingMode) throws {
        var edges: [UInt32] = []
        for exponent in 0...16 as ClosedRange<UInt32> {
            let power: UInt32 = 1 << exponent
            edges += [power - 1, power, power + 1, power + power / 2 - 1, power + power / 2]
            edges += [power + power / 4, power + power / 8 * 7]
        }
        let shape = [19, 1 << 16]
        let weights = PackedTensor(
            shape: shape, levels: gridLevels(4), gaps: edges,
            codes: edges.indices.map { UInt8($0 % 3 + 1) }, scales: [1])
        for order in ScanOrder.allCases {
            try expectRoundTrip(
                linearModel(weights), EncodingOptions(mode: mode, scanOrder: order))
        }
    }

    @Test func `a tensor with level 0 alone comes back`() throws {
        for mode in allModes {
            let weights = tensor(
                shape: [3, 4], levels: [0], dense: [UInt8](repeating: 0, count: 12))
            try expectRoundTrip(linearModel(weights), EncodingOptions(mode: mode))
        }
    }

    @Test func `levels come back in any order`() throws {
        let tables: [[Int8]] = [
            [0, -128, 127], [0, 127, -128], [0] + (-128...127).filter { $0 != 0 }.map { Int8($0) },
            [0] + (-128...127).reversed().filter { $0 != 0 }.map { Int8($0) }, gridLevels(255),
            gridLevels(254), [0, 2, -1, 1], [0, 1, 2, 4, 8, 16], [0, -1, 1], [0, -128], [0, 127],
        ]
        for levels in tables {
            let weights = randomTensor(shape: [20, 20], levels: levels, density: 0.5, seed: 3)
            for mode in allModes {
                try expectRoundTrip(
                    linearModel(weights), EncodingOptions(mode: mode), "\(levels)")
            }
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `a network with every operation comes back`(seed: UInt64) throws {
        try expectRoundTrip(smallModel(seed: seed), EncodingOptions())
        try expectRoundTrip(smallModel(seed: seed), EncodingOptions(usesZstd: false))
        for mode in allModes {
            try expectRoundTrip(smallModel(seed: seed), EncodingOptions(mode: mode))
        }
    }

    @Test(arguments: 0..<3 as Range<UInt64>)
    func `a graph of every operation comes back`(seed: UInt64) throws {
        try expectRoundTrip(graphModel(seed: seed), EncodingOptions())
        try expectRoundTrip(graphModel(seed: seed), EncodingOptions(usesZstd: false))
    }

    @Test func `every activation function comes back`() throws {
        let functions: [PackedActivation] = [
            .identity, .relu, .clip(lowest: -1, highest: 6), .leakyReLU(slope: 0.01), .sigmoid,
            .hardSigmoid, .silu, .hardSwish,
        ]
        for function in functions {
            var model = graphModel()
            model.nodes[4].operation = .function(function, output: unsigned4)
            try expectRoundTrip(model, EncodingOptions(mode: .packed), "\(function)")
        }
    }

    @Test func `a file has the lowest version that can hold it`() throws {
        let options = EncodingOptions(mode: .packed, scanOrder: .rowMajor)
        func version(_ model: PackedModel) throws -> UInt8 {
            try Container.write(model, options: options).bytes[4]
        }
        // Scales that are no multiples of a base, so that they do not need version 2.
        var small = smallModel()
        var first = small.nodes[0].operation.layer!
        first.weights.scales = [0.1, 0.2345678, -0.3456789]
        small.nodes[0].operation.layer = first
        #expect(try version(small) == 1)
        #expect(try version(smallModel()) == 2)
        #expect(try version(leNet300()) == 1)
        #expect(try version(graphModel()) == 2)
        let window = PackedWindow(kernel: [2, 2], stride: [2, 2], padding: [1, 1])
        var pooled = small
        pooled.nodes.removeLast(4)
        pooled.classNames = []
        #expect(try version(pooled) == 1)
        pooled.nodes[1].operation = .maxPooling(window)
        #expect(try version(pooled) == 2)
        var clipped = small
        var layer = clipped.nodes[5].operation.layer!
        layer.activation = .clip(lowest: 0, highest: 1)
        clipped.nodes[5].operation.layer = layer
        #expect(try version(clipped) == 2)
        var real = small
        real.nodes.append(PackedNode(name: "end", inputs: [6], operation: .flatten))
        #expect(try version(real) == 2)
        for model in [pooled, clipped, real] { try expectRoundTrip(model, options) }
    }

    @Test func `biases of every width come back`() throws {
        for bits in 2...16 {
            let largest = Int16(1 << (bits - 1) - 1)
            for codes in [[0, 0, 0], [largest, -largest, 1], [-1, 0, 1]] as [[Int16]] {
                var model = linearModel(
                    randomTensor(shape: [3, 2], levels: gridLevels(3), density: 1, seed: 1))
                guard case .linear(var layer) = model.nodes[0].operation else { return }
                layer.bias = PackedBias(bits: bits, scale: 2, codes: codes)
                model.nodes[0].operation = .linear(layer)
                try expectRoundTrip(model, EncodingOptions(), "\(bits) bits, \(codes)")
            }
        }
    }

    @Test func `column-major order wins where whole inputs are dead`() throws {
        var generator = SeededGenerator(seed: 1)
        let alive = (0..<100).map { _ in Int.random(in: 0..<10, using: &generator) == 0 }
        let dense = (0..<200 * 100).map { index -> UInt8 in
            alive[index % 100] ? UInt8.random(in: 0...3, using: &generator) : 0
        }
        let model = linearModel(tensor(shape: [200, 100], levels: gridLevels(4), dense: dense))
        let summary = try Container.write(model).summary
        #expect(summary.tensors[0].scanOrder == .columnMajor)
    }

    @Test func `metadata that repeat go through Zstandard`() throws {
        var model = linearModel(
            randomTensor(shape: [100, 2], levels: gridLevels(3), density: 1, seed: 1))
        model.classNames = (0..<100).map { "class number \($0)" }
        let summary = try Container.write(model).summary
        #expect(summary.metadataUsesZstd)
        try expectRoundTrip(model, EncodingOptions())
    }

    @Test func `a layer's own mode takes precedence`() throws {
        let options = EncodingOptions(mode: .joint, modes: ["fc1": .raw])
        let summary = try Container.write(smallModel(), options: options).summary
        #expect(summary.tensors.map(\.mode) == [.joint, .raw, .joint])
        #expect(throws: ContainerError.unknownLayer(found: "fc9", known: ["conv", "fc1", "fc2"])) {
            try Container.write(smallModel(), options: EncodingOptions(modes: ["fc9": .raw]))
        }
    }
}
