import Container
import PackedModel
import Testing

struct SummaryTests {
    @Test(arguments: [true, false])
    func `the parts add up to the file`(usesZstd: Bool) throws {
        for mode in [nil] + allModes {
            let options = EncodingOptions(mode: mode, usesZstd: usesZstd)
            let (bytes, summary) = try Container.write(leNet300(), options: options)
            #expect(summary.fileBytes == bytes.count)
            #expect(try Container.encodedSize(leNet300(), options: options) == bytes.count)
            #expect(
                summary.headerBytes + summary.metadataBytes
                    + summary.tensors.reduce(0) { $0 + $1.bytes } == bytes.count)
            for tensor in summary.tensors {
                let parts = tensor.parts
                let bits = [
                    parts.levelBits, parts.countBits, parts.tableBits, parts.gapBits,
                    parts.codeBits, parts.pairBits, parts.paddingBits,
                ]
                #expect(bits.reduce(0, +) == 8 * tensor.bodyBytes)
                #expect((0..<8).contains(parts.paddingBits))
                if !tensor.usesZstd {
                    #expect(tensor.framingBytes + tensor.bodyBytes == tensor.bytes)
                }
            }
        }
    }

    @Test func `each candidate has the size it has when it is chosen`() throws {
        let model = leNet300()
        let free = try Container.write(model).summary
        for order in ScanOrder.allCases {
            for mode in allModes where mode != .raw {
                let options = EncodingOptions(mode: mode, scanOrder: order, usesZstd: false)
                let forced = try Container.write(model, options: options).summary
                for (all, one) in zip(free.tensors, forced.tensors) {
                    let candidate = all.candidates.first {
                        $0.mode == mode && $0.scanOrder == order
                    }
                    if let candidate { #expect(candidate.bytes == one.bytes) }
                    #expect(all.bytes <= one.bytes)
                }
            }
        }
        #expect(free.tensors[0].candidates.count == 15)
    }

    @Test func `fillers are those of the paper's figure`() throws {
        // Han, Mao and Dally (2016, fig. 2): 3 bits, nonzeros at 1, 4 and 15; the span of 11 exceeds
        // 8, so one filler is added.
        var dense = [UInt8](repeating: 0, count: 16)
        for (position, code) in [(1, 1), (4, 2), (15, 3)] as [(Int, UInt8)] {
            dense[position] = code
        }
        let model = linearModel(tensor(shape: [1, 16], levels: gridLevels(4), dense: dense))
        let options = EncodingOptions(mode: .deepCompression(indexBits: 3), usesZstd: false)
        let summary = try Container.write(model, options: options).summary
        #expect(summary.tensors[0].fillers == 1)
        // A gap of 7 is the largest of 3 bits; 8 needs one filler, 15 one, 16 two.
        for (gap, fillers) in [(0, 0), (7, 0), (8, 1), (15, 1), (16, 2), (23, 2), (24, 3)] {
            let weights = PackedTensor(
                shape: [1, 25], levels: [0, 1], gaps: [UInt32(gap)], codes: [1], scales: [1])
            let summary = try Container.write(linearModel(weights), options: options).summary
            #expect(summary.tensors[0].fillers == fillers, "gap \(gap)")
        }
    }

    @Test func `a network of three layers needs few bytes beside its weights`() throws {
        let summary = try Container.write(leNet300()).summary
        let entries = summary.tensors.reduce(0) {
            $0 + $1.parts.gapBits + $1.parts.codeBits + $1.parts.pairBits
        }
        // 410 biases of 8 bits; magic, names, scales, tables and checksums.
        #expect(summary.fileBytes - entries / 8 <= 410 + 150)
    }

    @Test func `modes have names that can be read back`() {
        for mode in allModes { #expect(CodingMode(mode.description) == mode) }
        #expect(CodingMode("deep-compression-9") == nil)
    }
}
