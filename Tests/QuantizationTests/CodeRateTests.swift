import Foundation
import Networks
import Quantization
import Tensors
import Testing

struct CodeRateTests {
    private func normal(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in generator.normal() }
    }

    /// The formula, in `Double` and with one weight moved or the step changed.
    /// - Parameter columns: the length of rows of weights that each stand for themselves; `nil` for
    ///   numbers that stand for `counts` weights somewhere in the layer.
    private func slowBits(
        _ weights: [Double], steps: [Double], counts: [Int], zeros: Int, columns: Int?, _ n: Int,
        _ p: Int
    ) -> Double {
        var histogram = [Int: Double]()
        var lines = [[String: Double](), [:]]
        histogram[0] = Double(zeros)
        for (index, weight) in weights.enumerated() {
            let u = min(max(weight / steps[index % steps.count], Double(n)), Double(p))
            for code in n...p {
                let count = Double(counts[index]) * max(0, 1 - abs(u - Double(code)))
                histogram[code, default: 0] += count
                guard let columns else { continue }
                lines[0]["column \(index % columns)", default: 0] += code == 0 ? 0 : count
                lines[1]["row \(index / columns)", default: 0] += code == 0 ? 0 : count
            }
        }
        let total = histogram.values.reduce(0, +) + Double(p - n + 1)
        let codes = histogram.values.reduce(0) { $0 - $1 * log2(($1 + 1) / total) }
        return lines.reduce(codes) { bits, lines in
            let (m, nonzeros) = (Double(lines.count), lines.values.reduce(0, +))
            return lines.values.reduce(bits) { bits, count in
                bits - (count + 0.5) * log2(m * (count + 0.5) / (nonzeros + m / 2))
            }
        }
    }

    @Test(arguments: [[0.4], [0.3, 0.7]] as [[Float]], [(2, false), (3, false), (3, true)])
    func `gradients are finite differences of the bits`(
        steps: [Float], variant: (bits: Int, areShared: Bool)
    ) {
        let (bits, areShared) = variant
        let shape = [60, 2]
        let weights = normal(120, seed: 1)
        let mask = (0..<120).map { UInt8($0 % 5 == 0 ? 0 : 1) }
        let counts = (0..<120).map { $0 % 5 == 0 ? 0 : areShared ? $0 % 3 + 1 : 1 }
        var parameter = Parameter(Tensor(shape: shape, elements: weights), decays: true)
        let quantizer = WeightQuantizer(bits: bits, steps: steps, weightCount: 120)
        parameter.quantize(with: quantizer)
        parameter.effectiveGradient = Tensor(shape: shape)
        parameter.backpropagate()
        let price: Float = 0.5
        let shares =
            areShared ? WeightShares(counts: counts, zeros: 300) : WeightShares(mask: mask)
        let rate = parameter.codeRate(shares: shares)!
        parameter.addRateGradient(of: rate, price: price, shares: shares)
        let found = rate.bits
        let (n, p) = (Int(quantizer.grid.lowest), Int(quantizer.grid.highest))
        func slow(_ weights: [Double], _ steps: [Double]) -> Double {
            slowBits(
                weights, steps: steps, counts: counts, zeros: areShared ? 300 : 24,
                columns: areShared ? nil : 2, n, p)
        }
        let (w, s, h) = (weights.map(Double.init), steps.map(Double.init), 1e-6)
        #expect(abs(found - slow(w, s)) < 1e-4 * found)
        for index in w.indices {
            var (up, down) = (w, w)
            up[index] += h
            down[index] -= h
            let expected = Double(price) * (slow(up, s) - slow(down, s)) / (2 * h)
            let gradient = Double(parameter.trained.gradient[index])
            #expect(abs(gradient - expected) < 1e-3 * (1 + abs(expected)), "weight \(index)")
        }
        let step = parameter.parametrization(WeightQuantizer.self)!.step
        for index in s.indices {
            var (up, down) = (s, s)
            up[index] += h
            down[index] -= h
            let expected =
                Double(price) * (slow(w, up) - slow(w, down)) / (2 * h)
                * Double(quantizer.gradientScale)
            #expect(
                abs(Double(step.gradient[index]) - expected) < 1e-3 * (1 + abs(expected)),
                "step \(index)")
        }
    }

    @Test(arguments: [[100], [100, 1], [1, 100]])
    func `on the grid the bits are those of the entropy`(shape: [Int]) {
        // 900 zeros, 60 ones, 40 minus ones: but for one count a code, n · H.
        let weights = [Float](repeating: 0.5, count: 60) + [Float](repeating: -0.5, count: 40)
        var parameter = Parameter(Tensor(shape: shape, elements: weights), decays: true)
        parameter.quantize(with: WeightQuantizer(bits: 2, steps: [0.5], weightCount: 100))
        let rate = parameter.codeRate(shares: WeightShares(count: 100, zeros: 900))!
        let entropy = [0.9, 0.06, 0.04].reduce(0) { $0 - 1000 * $1 * log2($1) }
        #expect(abs(rate.bits - entropy) < 0.02 * entropy)
        #expect(rate.roundedBits == rate.bits && rate.weights == 1000)
    }

    /// Where lines are alike, what they are like says nothing, at any density.
    @Test(arguments: [1, 4, 7, 8])
    func `lines that are alike gain nothing`(nonzeros: Int) {
        let elements = (0..<1600).map { Float(($0 / 40 + $0) % 8 < nonzeros ? 1 : 0) }
        let rate = CodeRate(
            Tensor(shape: [40, 40], elements: elements), grid: UniformGrid(bits: 2, isSigned: true),
            steps: [1], shares: WeightShares(count: 1600))
        #expect(abs(rate.bits - rate.roundedBits) < 1e-6)
    }

    /// The same weights at the same density, but in half of the rows and half of the columns.
    @Test func `weights that stand in few lines take less`() {
        func bits(_ isThere: (Int, Int) -> Bool) -> Double {
            let elements = (0..<1600).map { Float(isThere($0 / 40, $0 % 40) ? 1 : 0) }
            return CodeRate(
                Tensor(shape: [40, 40], elements: elements),
                grid: UniformGrid(bits: 3, isSigned: true),
                steps: [1], shares: WeightShares(count: 1600)
            ).bits
        }
        let spread = bits { ($0 + $1) % 8 == 0 }
        let gathered = bits { $0 < 20 && $1 < 20 && ($0 + $1) % 2 == 0 }
        // 200 of 1,600 against 200 of 400: log₂ of four less for each, but for half counts.
        #expect((300...400).contains(spread - gathered))
    }

    @Test func `rounded bits are those of the nearest codes`() {
        let weights = normal(500, seed: 4)
        var parameter = Parameter(Tensor(shape: [500], elements: weights), decays: true)
        parameter.quantize(with: WeightQuantizer(bits: 3, steps: [0.6], weightCount: 500))
        let shares = WeightShares(count: 500, zeros: 200)
        let rate = parameter.codeRate(shares: shares)!
        let rounded = weights.map { ($0 / 0.6).rounded() * 0.6 }
        var other = Parameter(Tensor(shape: [500], elements: rounded), decays: true)
        other.quantize(with: WeightQuantizer(bits: 3, steps: [0.6], weightCount: 500))
        #expect(
            abs(rate.roundedBits - other.codeRate(shares: shares)!.roundedBits) < 1e-3 * rate.bits)
        #expect(rate.roundedBits != rate.bits)
    }

    @Test func `a price for a target grows where bits are above it`() {
        let price = RatePrice.target(bits: 1.5)
        #expect(price.price(at: 1, bits: 1.5) == 0.03)
        #expect(price.price(at: 0.7, bits: 1.57) > 0.27 && price.price(at: 1, bits: 1.57) < 0.3)
        #expect(price.price(at: 1, bits: 1.43) < 0.003)
        #expect(price.price(at: 1, bits: 8) == 1)
        // The way there: twice the target first, one and a half times in the middle.
        #expect(price.price(at: 0, bits: 3) == 0.03)
        #expect(abs(price.price(at: 0.35, bits: 2.25) - 0.03) < 1e-6)
    }

    @Test func `descending the rate makes codes more alike`() {
        var parameter = Parameter(
            Tensor(shape: [400], elements: normal(400, seed: 2)), decays: true)
        parameter.quantize(with: WeightQuantizer(bits: 4, steps: [0.3], weightCount: 400))
        func bits() -> Double {
            parameter.codeRate(shares: WeightShares(count: 400))!.bits
        }
        let first = bits()
        for _ in 0..<50 {
            parameter.effectiveGradient = Tensor(shape: [400])
            parameter.backpropagate()
            let shares = WeightShares(count: 400)
            parameter.addRateGradient(
                of: parameter.codeRate(shares: shares)!, price: 1, shares: shares)
            var next = parameter.trained
            for index in 0..<400 { next.value[index] -= 0.002 * next.gradient[index] }
            parameter.trained = next
        }
        #expect(bits() < 0.8 * first)
    }

    @Test func `a parameter without learned steps is left alone`() {
        var parameter = Parameter(Tensor(shape: [4], repeating: 1), decays: true)
        parameter.quantize(with: DoReFaWeightQuantizer(bits: 3))
        #expect(parameter.codeRate(shares: WeightShares(count: 4)) == nil)
    }

    @Test(arguments: [0, 1, 7, 8, 9, 40, 83])
    func `a mask's shares are its ones, wherever they are`(count: Int) {
        let mask = (0..<count).map { UInt8($0 * 7 % 11 < 2 || $0 == count - 1 ? 1 : 0) }
        let weights = Tensor(shape: [count], elements: normal(count, seed: 3))
        let grid = UniformGrid(bits: 3, isSigned: true)
        func bits(_ shares: WeightShares) -> Double {
            CodeRate(weights, grid: grid, steps: [0.4], shares: shares).roundedBits
        }
        let kept = mask.filter { $0 == 1 }.count
        let shares = WeightShares(mask: mask)
        #expect(shares.total == kept)
        #expect(shares.zeros == count - kept)
        let same = WeightShares(counts: mask.map(Int.init), zeros: count - kept)
        #expect(bits(shares) == bits(same))
    }
}
