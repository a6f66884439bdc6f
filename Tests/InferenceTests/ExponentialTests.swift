import Foundation
import Inference
import Testing

@Suite struct ExponentialTests {
    @Test func `it is the exponential to fifty bits`() {
        var random = SplitMix(1)
        for _ in 0..<20_000 {
            let x = (random.uniform() - 0.5) * 1400
            let relative = abs(exponential(x) - exp(x)) / exp(x)
            #expect(relative <= 0x1p-50, "exp(\(x))")
        }
        for x in [0, 1, -1, 0.5, 1e-300, -1e-20, 700, -700] {
            #expect(abs(exponential(x) / exp(x) - 1) <= 0x1p-50, "exp(\(x))")
        }
    }

    /// Computed with Python's floats, step by step as the document says.
    @Test func `its bits are fixed`() {
        #expect(exponential(0) == 1)
        #expect(exponential(1) == 0x1.5bf0a8b14576ap+1)
        #expect(exponential(-1) == 0x1.78b56362cef38p-2)
        #expect(exponential(10) == 0x1.5829dcf95056p+14)
        #expect(exponential(-0.3) == 0x1.7b4c869c37c05p-1)
    }

    @Test func `what does not fit is zero or infinite`() {
        #expect(exponential(-701) == 0)
        #expect(exponential(-.infinity) == 0)
        #expect(exponential(.nan) == 0)
        #expect(exponential(701) == .infinity)
        #expect(exponential(.infinity) == .infinity)
    }
}
