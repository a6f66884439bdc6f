import Networks
import PackedModel
import Quantization
import Tensors
import WeightSharing

extension PackedTensor {
    /// The integer weights of a quantized parameter.
    ///
    /// Its levels are zero and those multiples of the step that occur, ascending; its scales are the
    /// steps, one or one for each output.
    /// - Throws: `ConversionError.notQuantized` without a weight quantizer.
    public init(_ weight: Parameter, layer: String) throws(ConversionError) {
        let weights = try IntegerWeights(weight, layer: layer)
        self = weights.tensor(scales: weights.steps)
    }

    init(shape: [Int], integers: [Int8], scales: [Float]) {
        var occurs = [Bool](repeating: false, count: 256)
        for integer in integers { occurs[Int(integer) + 128] = true }
        occurs[128] = false
        let levels: [Int8] = [0] + (-128...127).filter { occurs[$0 + 128] }.map { Int8($0) }
        var codeOfLevel = [UInt8](repeating: 0, count: 256)
        for (code, level) in levels.enumerated() { codeOfLevel[Int(level) + 128] = UInt8(code) }
        self.init(shape: shape, levels: levels, gaps: [], codes: [], scales: scales)
        append(integers) { codeOfLevel[Int($0) + 128] }
    }

    /// Positions and codes only, to measure what a network that has no integers yet would take:
    /// levels stand for themselves, as many as the codebook has centroids.
    public init(measuring weight: Parameter) {
        let layout = OutputMajor(weight.effective.shape)
        if let codebook = weight.parametrization(Codebook.self) {
            let centroids = weight.trained.value.count
            let levels = [0] + (-128...127).filter { $0 != 0 }.prefix(centroids).map { Int8($0) }
            self.init(shape: layout.shape, levels: levels, gaps: [], codes: [], scales: [1])
            append(layout.array(of: weight.effective) { $0 == 0 ? 0 : codebook.codes[$1] }) { $0 }
        } else {
            self.init(shape: layout.shape, levels: [0, 1], gaps: [], codes: [], scales: [1])
            append(layout.array(of: weight.effective) { value, _ in value == 0 ? 0 : 1 }) { $0 }
        }
    }

    /// Appends the nonzeros among the codes of all weights.
    private mutating func append<Weight: FixedWidthInteger>(
        _ weights: [Weight], code: (Weight) -> UInt8
    ) {
        let nonzeros = weights.count { $0 != 0 }
        gaps.reserveCapacity(nonzeros)
        codes.reserveCapacity(nonzeros)
        var gap: UInt32 = 0
        for weight in weights {
            if weight == 0 {
                gap += 1
            } else {
                gaps.append(gap)
                codes.append(code(weight))
                gap = 0
            }
        }
    }
}
