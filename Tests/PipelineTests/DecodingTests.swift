import Foundation
import PackedModel
import Pipeline
import Tensors
import Testing

@Test func `decoded layers of one name are told apart`() throws {
    func layer(_ level: Int8) -> PackedOperation {
        .linear(
            PackedLayer(
                weights: PackedTensor(
                    shape: [1, 1], levels: [0, level], gaps: [0], codes: [1], scales: [1]),
                bias: PackedBias(bits: 2, scale: 1, codes: [0]), activation: .identity, output: nil)
        )
    }
    let names = ["fc", "fc-2", "fc", "other"]
    var model = PackedModel(
        name: "twins",
        input: PackedInput(
            shape: [1], pixelScale: 1, mean: [0], deviation: [1],
            quantizer: PackedQuantizer(bits: 8, isSigned: false, scale: 1, offset: 0)),
        nodes: names.indices.map {
            PackedNode(name: names[$0], inputs: [$0], operation: layer(Int8($0 + 1)))
        })
    // Names as those of ImageNet have commas.
    model.classNames = ["tench, Tinca tinca", "a \"b\"/c"]
    let decoded = model.decoded(integers: true)
    let classes = try #require(decoded.metadata["classes"])
    #expect(
        try JSONDecoder().decode([String].self, from: Data(classes.utf8)) == model.classNames)
    for (index, name) in ["fc", "fc-2", "fc-3", "other"].enumerated() {
        guard case .int8(_, let codes)? = decoded["\(name).codes"] else {
            Issue.record("no \(name)")
            continue
        }
        #expect(codes == [Int8(index + 1)])
    }
    #expect(!decoded.encoded().isEmpty)
}
