import Networks
import PackedModel
import Quantization
import Tensors

/// Weights in half precision.
struct HalfWeights: StoredWeights {
    let shape: [Int]
    private var halves: [UInt16]
    var steps: [Float] { [1] }

    /// - Throws: `ConversionError.notFinite` for a weight that is too large for a half, 65,520 or more.
    init(_ weight: Parameter, layer: String) throws(ConversionError) {
        let layout = OutputMajor(weight.effective.shape)
        shape = layout.shape
        halves = layout.array(of: weight.effective) { value, _ in
            HalfPrecision.bits(rounding: value)
        }
        guard halves.allSatisfy({ $0 & 0x7FFF == 0 || HalfPrecision.isNonzero($0) }) else {
            throw .notFinite(layer: layer, what: "weights in half precision")
        }
    }

    /// A convolution that leaves each channel as it is: one weight of 1 a channel.
    init(identityOf channels: Int) {
        shape = [channels, 1, 1, 1]
        halves = [UInt16](repeating: HalfPrecision.bits(rounding: 1), count: channels)
    }

    var isEmpty: [Bool] {
        rows.map { halves[$0].allSatisfy { $0 & 0x7FFF == 0 } }
    }

    func clearing(_ isCleared: [Bool]) -> HalfWeights {
        var result = self
        for (row, isCleared) in zip(rows, isCleared) where isCleared {
            for index in row { result.halves[index] = 0 }
        }
        return result
    }

    func tensor(scales: [Float]) -> PackedTensor {
        var (gaps, nonzeros) = ([UInt32](), [UInt16]())
        var gap: UInt32 = 0
        for half in halves {
            if half & 0x7FFF == 0 {
                gap += 1
            } else {
                gaps.append(gap)
                nonzeros.append(half)
                gap = 0
            }
        }
        return PackedTensor(shape: shape, gaps: gaps, halves: nonzeros, scales: scales)
    }

    /// The weights of each output.
    private var rows: [Range<Int>] {
        let size = halves.count / shape[0]
        return (0..<shape[0]).map { $0 * size..<($0 + 1) * size }
    }
}
