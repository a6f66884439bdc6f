import Foundation
import Quantization
import Tensors
import Testing

struct CalibrationTests {
    let golden: Golden

    init() throws { golden = try Golden.load() }

    // MARK: Golden values

    @Test func `entropy agrees with NumPy`() throws {
        let counts = golden.calibration.counts
        #expect(golden.calibration.entropy.count == 3)
        for expected in golden.calibration.entropy {
            let found = try #require(
                EntropyCalibration.bestCut(of: counts, levels: 1 << (expected.bits - 1)))
            #expect(Float(found.bins) * golden.calibration.width == expected.bound)
            #expect(abs(found.divergence - expected.divergence) < 1e-10)
        }
    }

    @Test func `percentiles agree with NumPy`() {
        #expect(golden.calibration.percentile.count == 4)
        for expected in golden.calibration.percentile {
            let bin = PercentileCalibration.lastBin(
                of: golden.calibration.counts, percentile: expected.percentile)
            #expect(Float(bin) * golden.calibration.width == expected.bound)
        }
    }

    @Test
    func `the least squared error over a histogram is no more than that of a search of bounds`() {
        let counts = golden.calibration.counts
        let centres = counts.indices.map { (Float($0) + 0.5) * golden.calibration.width }
        for expected in golden.calibration.squared_error {
            var grid = UniformGrid(bits: expected.bits, isSigned: true)
            func error(step: Float) -> Double {
                grid.step = step
                let codes = grid.codes(of: Tensor(shape: [centres.count], elements: centres))
                let errors = centres.indices.map {
                    let error = Double(Float(codes[$0]) * step - centres[$0])
                    return error * error * Double(counts[$0])
                }
                return errors.reduce(0, +) / Double(counts.reduce(0, +))
            }
            expectClose(
                error(step: expected.bound / grid.highest), expected.mse, "\(expected.bits) bits")
            let step = StepInitialization.leastSquares.step(
                for: centres, counts: counts, grid: grid)
            #expect(error(step: step) <= expected.mse * (1 + 1e-6))
        }
    }

    @Test func `moving averages agree with NumPy`() {
        let expected = golden.calibration.moving_average
        let calibration = MovingAverageCalibration(momentum: expected.momentum)
        var statistics = ActivationStatistics(keepsHistogram: false)
        var generator = SeededGenerator(seed: 1)
        for (batch, running) in zip(expected.batches, expected.running) {
            let values = Tensor(shape: [1, 3], elements: [batch[1], batch[0], 0])
            statistics.add(values, perImage: 1, using: &generator)
            let grid = calibration.grid(for: statistics, bits: 8, scheme: .unsignedAsymmetric)
            expectClose(Double(grid.offset), running[0], "low")
            expectClose(Double(grid.offset + 255 * grid.step), running[1], "high")
        }
    }

    @Test func `ranges with an exact zero agree with TensorFlow's`() {
        #expect(golden.nudged.count == 4)
        for expected in golden.nudged {
            let isNarrow = expected.qmin == 1
            let bits = expected.qmax > 15 ? 8 : 4
            var grid = UniformGrid(bits: bits, isSigned: isNarrow, isNarrow: isNarrow)
            grid.step = (expected.max - expected.min) / (grid.highest - grid.lowest)
            grid.offset = expected.min - grid.lowest * grid.step
            let found = grid.withExactZero
            expectClose(Double(found.step), expected.scale, "scale")
            let ends = [found.lowest, found.highest].map { found.offset + $0 * found.step }
            expectClose(Double(ends[0]), expected.nudged_min, "low")
            expectClose(Double(ends[1]), expected.nudged_max, "high")
            let zero = found.codes(of: Tensor(shape: [1]))[0]
            #expect(Int(zero) - Int(found.lowest) == expected.zero_point - expected.qmin)
        }
    }

    /// Pixels of mean and deviation 0.5 have their zero between two of them.
    @Test(arguments: [0.5, 0.25, 0], [true, false])
    func `pixels are not halfway between two codes of a range that leaves nothing out`(
        mean: Float, isSigned: Bool
    ) {
        let pixels = (0...255).map { (Float($0) / 255 - mean) / 0.5 }
        let scheme: ActivationScheme = isSigned ? .signedAsymmetric : .unsignedAsymmetric
        let ends = ActivationStatistics.Extremes(low: pixels[0], high: pixels[255])
        let grid = UniformGrid(bits: 8, scheme: scheme, spanning: ends).withExactZeroAndEnds
        var zero = Tensor(shape: [1])
        grid.fakeQuantize(Tensor(shape: [1]), into: &zero)
        #expect(abs(zero[0]) <= 1e-6)
        for pixel in pixels {
            let place = (pixel - grid.offset) / grid.step
            #expect(grid.lowest - 0.01 <= place && place <= grid.highest + 0.01, "\(pixel)")
            #expect(abs(abs(place - place.rounded(.down)) - 0.5) > 0.001, "\(pixel): \(place)")
        }
    }

    // MARK: Small ranges

    @Test(arguments: ActivationScheme.allCases)
    func `a range of tiny values has the smallest step, and none the step 1`(
        scheme: ActivationScheme
    ) {
        let tiny = ActivationStatistics.Extremes(low: -1e-6, high: 1e-6)
        let grid = UniformGrid(bits: 8, scheme: scheme, spanning: tiny)
        #expect(grid.step == UniformGrid.smallestStep)
        let nothing = ActivationStatistics.Extremes(low: 0, high: 0)
        #expect(UniformGrid(bits: 8, scheme: scheme, spanning: nothing).step == 1)
    }

    @Test(arguments: ActivationScheme.allCases)
    func `a percentile at zero leaves the extremes`(scheme: ActivationScheme) {
        let values = [Float](repeating: 0, count: 99_999) + [0.5]
        let statistics = ActivationStatistics(of: values)
        let found = PercentileCalibration().grid(for: statistics, bits: 8, scheme: scheme)
        #expect(found == MinMaxCalibration().grid(for: statistics, bits: 8, scheme: scheme))
        #expect(abs(found.offset + found.highest * found.step - 0.5) < 1e-6)
    }

    // MARK: Properties

    private func values(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        // A heavy tail: the cube of a normal number.
        return (0..<count).map { _ in
            let x = generator.normal()
            return x * x * x
        }
    }

    private func histogram(_ values: [Float], batch: Int) -> Histogram {
        var histogram = Histogram()
        for start in stride(from: 0, to: values.count, by: batch) {
            values[start..<min(start + batch, values.count)].withUnsafeBufferPointer {
                histogram.add($0)
            }
        }
        return histogram
    }

    @Test(arguments: [1, 7, 100, 3000])
    func `a histogram does not depend on how values are cut into batches`(batch: Int) {
        let values = [0, 1e-30, -1e-20] + values(3000, seed: 3)
        let found = histogram(values, batch: batch)
        #expect(found == histogram(values, batch: values.count))
        let width = found.binWidth
        let peak = values.map(abs).max()!
        #expect(peak < Float(Histogram.size) * width && peak >= Float(Histogram.size / 2) * width)
        for (isNegative, bins) in [(false, found.positive), (true, found.negative)] {
            var expected = [Int](repeating: 0, count: Histogram.size)
            for value in values where (value < 0) == isNegative {
                expected[Int((abs(value) / width).rounded(.down))] += 1
            }
            #expect(bins == expected)
        }
    }

    @Test func `what is no number does not stop a histogram`() {
        let found = histogram([.nan, 1, .infinity, -.infinity, 2], batch: 5)
        #expect(found.positive.reduce(0, +) == 2 && found.negative.reduce(0, +) == 0)
    }

    /// The formula bin by bin.
    private func slowCut(_ bins: [Int], levels: Int) -> (bins: Int, divergence: Double)? {
        let used = (bins.lastIndex { $0 > 0 } ?? 0) + 1
        guard used >= levels, used > 1 else { return nil }
        var counts = bins[..<used].map(Double.init)
        counts[0] = counts[1]
        var best: (Int, Double)?
        for cut in levels...used {
            var p = Array(counts[..<cut])
            p[cut - 1] += counts[cut...].reduce(0, +)
            let group = (0..<cut).map { $0 * levels / cut }
            let q = (0..<cut).map { bin -> Double in
                let members = (0..<cut).filter { group[$0] == group[bin] && counts[$0] > 0 }
                return counts[bin] > 0
                    ? members.reduce(0) { $0 + counts[$1] } / Double(members.count) : 0
            }
            let (sumP, sumQ) = (p.reduce(0, +), q.reduce(0, +))
            var divergence = 0.0
            for bin in 0..<cut where p[bin] > 0 {
                divergence +=
                    q[bin] > 0 ? p[bin] / sumP * log(p[bin] / sumP / (q[bin] / sumQ)) : .infinity
            }
            if divergence <= best?.1 ?? .infinity, divergence < .infinity {
                best = (cut, divergence)
            }
        }
        return best
    }

    @Test(arguments: [2, 3, 8, 13, 16], [UInt64(1), 2, 3])
    func `entropy is that of the formula, with empty bins too`(levels: Int, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let bins = (0..<61).map { bin in
            let mean = Int(2000 * exp(-Double(bin) / 8)) + 1
            return Bool.random(using: &generator) ? Int.random(in: 0...mean, using: &generator) : 0
        }
        let found = try #require(EntropyCalibration.bestCut(of: bins, levels: levels))
        let expected = try #require(slowCut(bins, levels: levels))
        // Equal up to rounding; a tie may be decided by it.
        #expect(abs(found.divergence - expected.divergence) < 1e-12)
        if expected.divergence > 1e-9 { #expect(found.bins == expected.bins) }
        #expect(EntropyCalibration.bestCut(of: [5, 0, 0], levels: levels) == nil)
    }

    @Test(arguments: ActivationScheme.allCases)
    func `a percentile leaves so many elements outside`(scheme: ActivationScheme) {
        let values = values(20_000, seed: 5)
        let statistics = ActivationStatistics(of: values)
        let grid = PercentileCalibration(percentile: 99).grid(
            for: statistics, bits: 8, scheme: scheme)
        let ends = [grid.lowest, grid.highest].map { grid.offset + $0 * grid.step }
        let above = values.count { $0 > ends[1] }
        let below = values.count { $0 < ends[0] }
        // A bin holds a few elements; a signed grid has one code more below.
        switch scheme {
        case .unsignedSymmetric: #expect((200...220).contains(above))
        case .signedSymmetric: #expect((190...220).contains(above + below))
        default: #expect((200...220).contains(above) && (200...220).contains(below))
        }
        let all = PercentileCalibration(percentile: 100).grid(
            for: statistics, bits: 8, scheme: scheme)
        let extremes = MinMaxCalibration().grid(for: statistics, bits: 8, scheme: scheme)
        #expect(abs(all.step - extremes.step) <= 2 * statistics.histogram!.binWidth)
    }

    @Test(arguments: ActivationScheme.allCases)
    func `entropy clips a few of many and none of few`(scheme: ActivationScheme) {
        let values = values(100_000, seed: 7)
        let statistics = ActivationStatistics(of: values)
        let extremes = MinMaxCalibration().grid(for: statistics, bits: 8, scheme: scheme)
        let grid = EntropyCalibration().grid(for: statistics, bits: 8, scheme: scheme)
        #expect(grid.step < 0.7 * extremes.step)
        let high = grid.offset + grid.highest * grid.step
        #expect(values.count { $0 > high } < 1000)
        let few = ActivationStatistics(of: [0, 0.5, 1])
        let wide = MinMaxCalibration().grid(for: few, bits: 8, scheme: scheme)
        let found = EntropyCalibration().grid(for: few, bits: 8, scheme: scheme)
        #expect(abs(found.step - wide.step) <= 1e-3 * wide.step)
    }

    @Test(arguments: ActivationInitialization.allCases, ActivationScheme.allCases)
    func `values without range give a grid that can be used`(
        initialization: ActivationInitialization, scheme: ActivationScheme
    ) {
        for constant in [0, 2.5, -1] as [Float] {
            let grid = initialization.grid(
                for: [Float](repeating: constant, count: 9), bits: 8, scheme: scheme)
            #expect(grid.step > 0 && grid.step.isFinite && grid.offset.isFinite)
            let exact = grid.withExactZero
            var zero = Tensor(shape: [1])
            exact.fakeQuantize(Tensor(shape: [1]), into: &zero)
            #expect(abs(zero[0]) <= 1e-6)
        }
    }

    @Test func `a sample holds some of each image and the extremes of all`() {
        var statistics = ActivationStatistics(keepsHistogram: false)
        var generator = SeededGenerator(seed: 1)
        for start in stride(from: 0, to: 40, by: 20) {
            let batch = Tensor(shape: [2, 10], elements: (start..<start + 20).map(Float.init))
            statistics.add(batch, perImage: 5, using: &generator)
        }
        let sample = statistics.sample
        #expect(sample.count == 22 && sample.suffix(2) == [0, 39])
        // Two neighbours are a part, of which one is kept.
        for (index, value) in sample.dropLast(2).enumerated() {
            #expect(Int(value) / 2 == index)
        }
        #expect(statistics.histogram == nil)
        #expect(
            statistics.batches.map(\.low) == [0, 20] && statistics.batches.map(\.high) == [19, 39])
    }
}
