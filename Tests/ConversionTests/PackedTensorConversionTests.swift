import Conversion
import Networks
import PackedModel
import Pruning
import Quantization
import Tensors
import Testing
import WeightSharing

struct PackedTensorConversionTests {
    // MARK: Quantized weights

    @Test func `quantized weights become levels, gaps and codes in the order of outputs`() throws {
        // `[inputs, outputs]`; multiples of 1/4 are 2, -1 · 0, 0 · -1, 3 (clipped).
        var weight = Parameter(
            Tensor(shape: [3, 2], elements: [0.5, -0.26, 0.1, 0, -0.25, 2]), decays: true)
        weight.quantize(with: WeightQuantizer(bits: 3, step: 0.25, weightCount: 6))
        #expect(
            try PackedTensor(weight, layer: "fc")
                == PackedTensor(
                    shape: [2, 3], levels: [0, -1, 2, 3], gaps: [0, 1, 0, 1], codes: [2, 1, 1, 3],
                    scales: [0.25]))
    }

    @Test func `weights that all round to zero leave one level and no code`() throws {
        var weight = Parameter(Tensor(shape: [2, 2], repeating: 0.1), decays: true)
        weight.quantize(with: WeightQuantizer(bits: 4, step: 1, weightCount: 4))
        #expect(
            try PackedTensor(weight, layer: "fc")
                == PackedTensor(shape: [2, 2], levels: [0], gaps: [], codes: [], scales: [1]))
    }

    @Test func `all levels of eight bits are kept`() throws {
        let values = (-128...127).map { Float($0) / 64 }
        var weight = Parameter(Tensor(shape: [256, 1], elements: values), decays: true)
        weight.quantize(with: WeightQuantizer(bits: 8, step: 1 / 64, weightCount: 256))
        let packed = try PackedTensor(weight, layer: "fc")
        #expect(packed == .slow(shape: [1, 256], integers: Array(-128...127), scale: 1 / 64))
        #expect(packed.levels.count == 256 && packed.codes.count == 255)
    }

    @Test func `a step that has become negative counts by its size`() throws {
        var weight = Parameter(Tensor(shape: [1, 2], elements: [0.5, -1]), decays: true)
        weight.quantize(with: WeightQuantizer(bits: 4, step: -0.5, weightCount: 2))
        #expect(
            try PackedTensor(weight, layer: "fc")
                == .slow(shape: [2, 1], integers: [1, -2], scale: 0.5))
    }

    @Test func `weights without a quantizer are an error that names the layer`() {
        let weight = Parameter(Tensor(shape: [2, 2]), decays: true)
        #expect(throws: ConversionError.notQuantized(layer: "fc7", what: "weights")) {
            try PackedTensor(weight, layer: "fc7")
        }
    }

    // MARK: Shared and quantized weights

    /// Five centroids, of which the third rounds to 0 and the last two to the same level.
    private func shared(codes: [UInt8], shape: [Int]) -> Parameter {
        let centroids = Tensor(shape: [5], elements: [-0.9, -0.3, 0.2, 0.9, 1.1])
        var weight = Parameter(Tensor(shape: shape), decays: true)
        weight.setChain(
            [
                WeightQuantizer(bits: 3, step: 0.5, weightCount: codes.count),
                Codebook(shape: shape, codes: codes),
            ], trained: Variable(centroids, decays: true))
        return weight
    }

    @Test func `centroids on one level merge, and those that round to zero are pruned`() throws {
        let weight = shared(codes: [1, 2, 3, 4, 5, 0, 3, 1], shape: [4, 2])
        // Columns: 1, 3, 5, 3 and 2, 4, 0, 1 are levels -2, 0, 2, 0 and -1, 2, 0, -2.
        #expect(
            try PackedTensor(weight, layer: "fc")
                == PackedTensor(
                    shape: [2, 4], levels: [0, -2, -1, 2], gaps: [0, 1, 1, 0, 1],
                    codes: [1, 3, 2, 3, 1], scales: [0.5]))
    }

    @Test func `a level that no weight uses is left out`() throws {
        let packed = try PackedTensor(shared(codes: [1, 1, 3, 0], shape: [2, 2]), layer: "fc")
        #expect(packed.levels == [0, -2])
        #expect(packed.codes == [1, 1])
    }

    @Test func `a mask prunes shared weights`() throws {
        var weight = shared(codes: [1, 2, 4, 5], shape: [2, 2])
        weight.prune(with: Mask(bytes: [0, 1, 1, 0]))
        #expect(
            try PackedTensor(weight, layer: "fc")
                == .slow(shape: [2, 2], integers: [0, 2, -1, 0], scale: 0.5))
    }

    @Test(arguments: 2...8, [UInt64(1), 2, 3])
    func `scale times level is exactly the effective weight`(bits: Int, seed: UInt64) throws {
        for shape in [[7, 5], [3, 2, 4, 5]] {
            var generator = SeededGenerator(seed: seed)
            let count = shape.reduce(1, *)
            let values = (0..<count).map { _ in generator.normal() }
            var plain = Parameter(Tensor(shape: shape, elements: values), decays: true)
            plain.prune(with: Mask(pruning: plain.effective, toSparsity: 0.3))
            var shared = plain
            let clusters = KMeans().clusters(of: shared.effective, count: 13)
            shared.share(clusters)
            plain.quantize(with: WeightQuantizer(bits: bits, fitting: plain.effective))
            shared.quantize(
                with: WeightQuantizer(
                    bits: bits, fitting: shared.trained.value, counts: clusters.memberCounts))
            for weight in [plain, shared] {
                let packed = try PackedTensor(weight, layer: "layer")
                let layout = OutputMajor(shape)
                #expect(packed.shape == layout.shape)
                #expect(
                    packed.slowWeights == layout.array(of: weight.effective) { value, _ in value },
                    "seed \(seed)")
                #expect(packed.levels[0] == 0 && !packed.levels.dropFirst().contains(0))
                let levels = packed.levels.dropFirst()
                #expect(zip(levels, levels.dropFirst()).allSatisfy { $0 < $1 })
                #expect(Set(packed.codes) == Set(packed.levels.indices.dropFirst().map(UInt8.init)))
            }
        }
    }

    // MARK: Measuring

    @Test func `measuring float weights takes the positions of those that are not zero`() {
        var weight = Parameter(
            Tensor(shape: [3, 2], elements: [0.5, 0, -3, 0.25, 1, 7]), decays: true)
        weight.prune(with: Mask(bytes: [1, 1, 0, 1, 1, 1]))
        #expect(
            PackedTensor(measuring: weight)
                == PackedTensor(
                    shape: [2, 3], levels: [0, 1], gaps: [0, 1, 1, 0], codes: [1, 1, 1, 1],
                    scales: [1]))
    }

    @Test func `measuring shared weights takes their codes and a level for each centroid`() {
        var weight = Parameter(Tensor(shape: [2, 3]), decays: true)
        weight.setChain(
            [Codebook(shape: [2, 3], codes: [2, 0, 3, 0, 2, 1])],
            trained: Variable(Tensor(shape: [3], elements: [-1, 0.5, 2]), decays: true))
        // Columns: 2, 0 · 0, 2 · 3, 1
        #expect(
            PackedTensor(measuring: weight)
                == PackedTensor(
                    shape: [3, 2], levels: [0, -128, -127, -126], gaps: [0, 2, 0, 0],
                    codes: [2, 2, 3, 1], scales: [1]))
    }

    @Test(arguments: [1, 127, 128, 129, 255])
    func `measured levels are distinct, none but the first is zero`(centroids: Int) {
        let codes = (1...centroids).map { UInt8($0) }
        let values = (1...centroids).map { Float($0) }
        var weight = Parameter(Tensor(shape: [centroids, 1]), decays: true)
        weight.setChain(
            [Codebook(shape: [centroids, 1], codes: codes)],
            trained: Variable(Tensor(shape: [centroids], elements: values), decays: true))
        let packed = PackedTensor(measuring: weight)
        #expect(packed.levels.count == centroids + 1 && Set(packed.levels).count == centroids + 1)
        #expect(packed.levels[0] == 0)
        #expect(packed.codes == codes)
    }

    @Test func `measuring shared weights that were pruned later leaves those out`() {
        var weight = Parameter(Tensor(shape: [1, 4]), decays: true)
        weight.setChain(
            [Codebook(shape: [1, 4], codes: [1, 2, 1, 2])],
            trained: Variable(Tensor(shape: [2], elements: [-1, 2]), decays: true))
        weight.prune(with: Mask(bytes: [1, 0, 0, 1]))
        let packed = PackedTensor(measuring: weight)
        #expect(packed.gaps == [0, 2])
        #expect(packed.codes == [1, 2])
    }
}
