import CFloatKernels
import Tensors
import Testing

struct DynamicRangeKernelsTests {
    @Test(arguments: instructionSets)
    func `the range spans all values and zero`(isa: cfk_isa) {
        for count in [0, 1, 3, 4, 15, 16, 17, 63, 64, 65, 200] {
            for place in Set([0, count / 2, count - 1]) where count > 0 {
                for value in [-2.5, 7, 0] as [Float] {
                    var x = [Float](repeating: 0.25, count: count)
                    x[place] = value
                    if count > 20 { x[(place + 9) % count] = .nan }
                    var range: (low: Float, high: Float) = (9, 9)
                    cfk_range(isa, x, Int64(count), &range.low, &range.high)
                    let others: Float = count > (count > 20 ? 2 : 1) ? 0.25 : 0
                    #expect(range.low == min(value, 0), "\(count), \(place)")
                    #expect(range.high == max(value, others), "\(count), \(place)")
                }
            }
        }
        var range: (low: Float, high: Float) = (9, 9)
        cfk_range(isa, [1], 0, &range.low, &range.high)
        #expect(range.low == 0 && range.high == 0)
    }

    @Test(arguments: instructionSets)
    func `codes are rounded quotients, by channel`(isa: cfk_isa) {
        var generator = SeededGenerator(seed: 8)
        let shapes = [(1, 1), (1, 70), (70, 1), (5, 3), (33, 31), (32, 64), (40, 65)]
        for (positions, channels) in shapes {
            let (scale, zero): (Float, Float) = (0.0123, 77)
            var x = (0..<positions * channels).map { _ in
                Float.random(in: -1.2...2.4, using: &generator)
            }
            for (index, special) in [.nan, .infinity, -.infinity, 0, scale / 2, 1.5 * scale]
                .enumerated() where 3 * index < x.count
            {
                x[3 * index] = special
            }
            var bytes = [UInt8](repeating: 0, count: x.count)
            var codes = [UInt8](repeating: 9, count: x.count + 8)
            cfk_dynamic_codes(
                isa, x, Int64(positions), Int64(channels), scale, zero, &bytes, &codes)
            for position in 0..<positions {
                for channel in 0..<channels {
                    let value = x[position * channels + channel]
                    let code = (value / scale).rounded(.toNearestOrEven) + zero
                    let expected = code.isNaN ? 0 : UInt8(min(max(code, 0), 255))
                    #expect(codes[channel * positions + position] == expected, "\(value)")
                }
            }
            #expect(codes[x.count...].allSatisfy { $0 == 9 })
        }
    }

    @Test(arguments: instructionSets)
    func `sums become real numbers by one rounding an operation`(isa: cfk_isa) {
        var generator = SeededGenerator(seed: 9)
        let (rows, columns, step, outputs) = (3, 5, 7, 37)
        let pitch = 64
        let sums = (0..<outputs * pitch).map { _ in
            Int32.random(in: -20_000_000...20_000_000, using: &generator)
        }
        let factors = (0..<outputs).map { _ in Float.random(in: -1e-4...1e-4, using: &generator) }
        let bias = (0..<outputs).map { _ in Float.random(in: -1...1, using: &generator) }
        let corrections = (0..<outputs).map { _ in
            Int32.random(in: -1000...1000, using: &generator)
        }
        for (first, last) in [(0, 37), (5, 36), (20, 21)] {
            var y = [Float](repeating: .nan, count: rows * columns * outputs)
            var shape = cfk_sums(
                rows: Int64(rows), columns: Int64(columns), row_step: Int64(step),
                sum_pitch: Int64(pitch), pitch: Int64(outputs))
            sums.withUnsafeBufferPointer {
                cfk_real_sums(
                    isa, &shape, $0.baseAddress! + first * pitch, Int64(first), Int64(last),
                    factors, corrections, bias, &y)
            }
            for index in y.indices {
                let (place, o) = (index / outputs, index % outputs)
                guard first..<last ~= o else {
                    #expect(y[index].isNaN)
                    continue
                }
                let sum = sums[o * pitch + place / columns * step + place % columns]
                let product = factors[o] * Float(sum - corrections[o])
                #expect(y[index] == product + bias[o])
            }
        }
    }
}
