import Container
import PackedModel
import Testing

/// A layer of one weight an output with these scales.
private func model(_ scales: [Float]) -> PackedModel {
    linearModel(
        tensor(
            shape: [scales.count, 1], levels: [0, 1],
            dense: [UInt8](repeating: 1, count: scales.count), scales: scales))
}

/// Bytes of these scales in the metadata section.
private func scaleBytes(_ scales: [Float]) throws -> Int {
    var single = model(scales)
    var layer = single.nodes[0].operation.layer!
    layer.weights.scales = [1]
    single.nodes[0].operation.layer = layer
    // Where a single scale has four bytes.
    return try metadataPayload(model(scales)) - metadataPayload(single) + 4
}

private func metadataPayload(_ model: PackedModel) throws -> Int {
    let options = EncodingOptions(mode: .packed, scanOrder: .rowMajor, usesZstd: false)
    let file = try Container.write(model, options: options).bytes
    var reader = ByteReader(file, in: 6..<file.count, section: .header)
    return try reader.varint("length")
}

struct ScaleTests {
    private func randomScales(_ count: Int, _ seed: UInt64, signed: Bool) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            let scale = Float.random(in: 0.001...0.02, using: &generator)
            return signed && Bool.random(using: &generator) ? -scale : scale
        }
    }

    @Test(arguments: [4, 6, 8, 10, 12, 16])
    func `rounded scales come back from few bits`(bits: Int) throws {
        for seed in 0..<4 as Range<UInt64> {
            let signed = seed % 2 == 0
            let count = 100
            let scales = PackedTensor.roundedScales(
                randomScales(count, seed, signed: signed), bits: bits)
            try expectRoundTrip(model(scales), EncodingOptions(mode: .packed), "seed \(seed)")
            // Base, form, and at most `bits` bits a code, one less if none is negative.
            let most = 4 + 1 + (count * (signed ? bits : bits - 1) + 7) / 8
            #expect(try scaleBytes(scales) <= most, "seed \(seed)")
        }
    }

    @Test func `rounded scales are near, keep their sign and are never zero`() {
        for bits in 2...16 {
            let scales = randomScales(50, 3, signed: true) + [1e-12, -1e-12]
            let rounded = PackedTensor.roundedScales(scales, bits: bits)
            let largest = scales.map(\.magnitude).max()!
            let base = largest / Float(1 << (bits - 1) - 1)
            for (scale, result) in zip(scales, rounded) {
                #expect((scale < 0) == (result < 0) && result != 0)
                let most = scale.magnitude < base / 2 ? base : base / 2
                #expect((scale - result).magnitude <= most * 1.0001, "\(bits) bits: \(scale)")
            }
        }
        // By hand: the base is 0.7 / 7 = 0.1.
        let rounded = PackedTensor.roundedScales([0.7, -0.31, 0.02], bits: 4)
        for (found, expected) in zip(rounded, [0.7, -0.3, 0.1] as [Float]) {
            #expect((found - expected).magnitude < 1e-6)
        }
        #expect(PackedTensor.roundedScales([0.3], bits: 4) == [0.3])
        #expect(PackedTensor.roundedScales([0x1p-126, 0x1p-127], bits: 4) == [0x1p-126, 0x1p-127])
    }

    @Test func `scales that are no multiples keep 32 bits`() throws {
        let scales = randomScales(30, 1, signed: false)
        #expect(try scaleBytes(scales) == 4 * 30)
        try expectRoundTrip(model(scales), EncodingOptions())
    }

    @Test func `equal scales take the base alone`() throws {
        let scales = [Float](repeating: 0.3, count: 40)
        #expect(try scaleBytes(scales) == 5)
        try expectRoundTrip(model(scales), EncodingOptions())
    }

    @Test func `extreme scales come back`() throws {
        for scales: [Float] in [
            [.leastNonzeroMagnitude, -.leastNonzeroMagnitude, 3 * .leastNonzeroMagnitude],
            [.greatestFiniteMagnitude, 1, -1], [.greatestFiniteMagnitude, .leastNonzeroMagnitude],
            [32_767, -32_767, 1, -1, 2], [32_768, 1, 1, 1, 1], [1e-38, 3e38, -1, 7, 8, 9, 10],
        ] {
            try expectRoundTrip(model(scales), EncodingOptions(), "\(scales)")
        }
    }
}
