import Foundation
import Networks
import PackedModel
import Quantization
import Tensors
import Testing

struct HalfPrecisionTests {
    /// What `Fixtures/golden/half_golden.py` wrote: bits of binary32 and of NumPy's float16.
    private struct Golden: Decodable { var pairs: [[UInt32]] }

    @Test func `rounding gives NumPy's bits, also at ties, subnormals and overflow`() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/golden/half_golden.json")
        let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: file))
        #expect(golden.pairs.count > 800)
        for pair in golden.pairs {
            let x = Float(bitPattern: pair[0])
            #expect(HalfPrecision.bits(rounding: x) == pair[1], "\(x)")
        }
    }

    @Test func `every half stands for itself`() {
        for bits in 0...UInt16.max {
            let value = HalfPrecision.value(bits)
            let (exponent, significand) = (Int(bits >> 10 & 31), Double(bits & 0x3FF))
            if exponent == 31 {
                #expect(significand == 0 ? value.isInfinite : value.isNaN)
                #expect(!HalfPrecision.isNonzero(bits))
                if value.isNaN { continue }
            } else {
                let magnitude =
                    exponent == 0
                    ? significand * 0x1p-24
                    : (1 + significand / 1024)
                        * Double(sign: .plus, exponent: exponent - 15, significand: 1)
                #expect(Double(value) == (bits < 0x8000 ? magnitude : -magnitude))
                #expect(HalfPrecision.isNonzero(bits) == (magnitude != 0))
            }
            #expect(HalfPrecision.bits(rounding: value) == bits)
        }
        #expect(HalfPrecision.value(HalfPrecision.bits(rounding: .nan)).isNaN)
    }

    @Test func `rounded weights keep their zeros, and gradients pass`() {
        var weight = Parameter(
            Tensor(shape: [4], elements: [0, 1 / 3, -0.1, 1e-9]), decays: true)
        weight.roundToHalf()
        #expect(weight.effective.elements == [0, 0.33325195, -0.099975586, 0])
        weight.effectiveGradient = Tensor(shape: [4], elements: [1, 2, 3, 4])
        weight.backpropagate()
        #expect(weight.trained.gradient.elements == [1, 2, 3, 4])
        weight.removeWeightQuantizer()
        #expect(weight.effective.elements == [0, 1 / 3, -0.1, 1e-9])
    }
}
