import Container
import PackedModel
import Testing

struct SlowDecoderTests {
    @Test(arguments: allModes, ScanOrder.allCases)
    func `a decoder written from the format's description reads the same model`(
        mode: CodingMode, order: ScanOrder
    ) throws {
        let options = EncodingOptions(mode: mode, scanOrder: order, usesZstd: false)
        for seed in 0..<4 as Range<UInt64> {
            let model = smallModel(seed: seed)
            #expect(SlowDecoder.model(try Container.write(model, options: options).bytes) == model)
        }
        let graph = graphModel()
        #expect(SlowDecoder.model(try Container.write(graph, options: options).bytes) == graph)
        for (index, density) in [0, 0.01, 0.1, 0.6, 1].enumerated() {
            for levels in [2, 3, 4, 16, 200] {
                let model = linearModel(
                    randomTensor(
                        shape: [19, 23], levels: gridLevels(levels), density: density,
                        seed: UInt64(index)))
                let bytes = try Container.write(model, options: options).bytes
                #expect(SlowDecoder.model(bytes) == model, "\(levels) levels, density \(density)")
            }
        }
    }

    @Test func `a decoder written from the format's description reads large tables`() throws {
        for mode in allModes {
            let model = linearModel(
                randomTensor(shape: [150, 200], levels: gridLevels(33), density: 0.1, seed: 5))
            let options = EncodingOptions(mode: mode, usesZstd: false)
            #expect(SlowDecoder.model(try Container.write(model, options: options).bytes) == model)
        }
    }
}
