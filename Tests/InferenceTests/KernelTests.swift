import CIntegerKernels
import Inference
import Testing

/// A variant by its place in the table, so that a test names it.
struct Variant: CustomTestStringConvertible, Sendable {
    let index: Int
    var kernels: cik_kernel_set { cik_kernel_set_at(index)!.pointee }
    var testDescription: String { String(cString: kernels.isa) }

    static var all: [Variant] {
        (0..<cik_kernel_set_count()).map(Variant.init).filter { $0.kernels.supported() }
    }
}

/// The kernels alone, on weights packed here as `CIntegerKernels.h` describes them.
@Suite struct KernelTests {
    /// Random bytes up to `highest` with the over-read behind them, which holds other bytes.
    private func activations(_ count: Int, highest: Int, _ random: inout SplitMix) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...UInt8(highest), using: &random) }
            + random.pixels(Int(CIK_OVERREAD))
    }

    private func weights(_ count: Int, density: Double, _ random: inout SplitMix) -> [Int8] {
        (0..<count).map { _ in
            random.uniform() < density ? Int8.random(in: -128...127, using: &random) : 0
        }
    }

    @Test(arguments: Variant.all, [true, false])
    func `spmv adds four products a row and step, in every window and slice`(
        variant: Variant, isNarrow: Bool
    ) {
        var random = SplitMix(1)
        for slices in 1...3 {
            for windows in 1...3 {
                let steps = (0..<slices * windows).map { _ in
                    [0, 0, 1, 2, 5, 64].randomElement(using: &random)! as UInt8
                }
                let slots = steps.reduce(0) { $0 + Int($1) } * 64
                let columns = random.pixels(slots)
                let stored = random.pixels(isNarrow ? slots / 2 : slots)
                let levels = [0] + (1..<16).map { _ in Int8.random(in: -128...127, using: &random) }
                let x = activations(windows * 256, highest: 255, &random)
                var expected = [Int32](repeating: 0, count: slices * 16)
                var slot = 0
                for (place, count) in steps.enumerated() {
                    for _ in 0..<Int(count) * 64 {
                        let code = stored[isNarrow ? slot / 2 : slot]
                        let level =
                            isNarrow
                            ? levels[Int(slot % 2 == 0 ? code & 15 : code >> 4)]
                            : Int8(bitPattern: code)
                        let input = x[place % windows * 256 + Int(columns[slot])]
                        expected[place / windows * 16 + slot % 64 / 4] +=
                            Int32(level) * Int32(input)
                        slot += 1
                    }
                }
                var found = [Int32](repeating: -1, count: slices * 16)
                var view = cik_spmv_weights()
                (view.slices, view.windows) = (slices, windows)
                steps.withUnsafeBufferPointer { steps in
                    columns.withUnsafeBufferPointer { columns in
                        stored.withUnsafeBufferPointer { stored in
                            levels.withUnsafeBufferPointer { levels in
                                view.steps = steps.baseAddress
                                view.columns = columns.baseAddress
                                view.weights = stored.baseAddress
                                view.levels = levels.baseAddress
                                let kernel =
                                    isNarrow
                                    ? variant.kernels.u8_c4_spmv : variant.kernels.u8_s8_spmv
                                kernel!(&view, x, &found)
                            }
                        }
                    }
                }
                #expect(found == expected, "\(slices) slices, \(windows) windows")
            }
        }
    }

    @Test(arguments: Variant.all)
    func `gemv adds whole rows, extreme weights and activations too`(variant: Variant) {
        var random = SplitMix(2)
        for stride in [64, 128, 320] {
            for outputs in [1, 3, 16, 17] {
                var levels = weights(outputs * stride, density: 0.9, &random)
                for i in 0..<stride { levels[i] = -128 }
                let x = activations(stride, highest: 255, &random).map { $0 | 128 }
                let expected = (0..<outputs).map { (output: Int) -> Int32 in
                    (0..<stride).reduce(Int32(0)) {
                        $0 + Int32(levels[output * stride + $1]) * Int32(x[$1])
                    }
                }
                var found = [Int32](repeating: -1, count: outputs)
                levels.withUnsafeBufferPointer {
                    var view = cik_gemv_weights(
                        outputs: outputs, stride: stride, weights: $0.baseAddress)
                    variant.kernels.u8_s8_gemv(&view, x, &found)
                }
                #expect(found == expected, "\(outputs) outputs of \(stride)")
            }
        }
    }

    @Test(arguments: Variant.all, [3, 7, 15, 31, 63, 127, 255])
    func `spmm and gemm add shifted runs of activations`(variant: Variant, highest: Int32) {
        var random = SplitMix(3)
        for lanes in [1, 64] {
            for length in [1, 63, 64, 65, 130] {
                // 300 terms of one level overflow 16 bits if nobody watches.
                let terms = [1, 2, 20, 300]
                let places = 40
                let x = activations(places * lanes + length, highest: Int(highest), &random)
                let offsets = (0..<300).map { _ in
                    UInt32.random(in: 0..<UInt32(places), using: &random)
                }
                let levels: [Int8] = [127, -128, 1, -5]
                expectPlanar(
                    variant, x, offsets: offsets, terms: terms, levels: levels,
                    highest: highest, lanes: lanes, length: length)
            }
        }
    }

    /// Output `o` has one group for each level: `terms[(o + g) % 4]` terms of `levels[g]`.
    private func expectPlanar(
        _ variant: Variant, _ x: [UInt8], offsets: [UInt32], terms: [Int], levels: [Int8],
        highest: Int32, lanes: Int, length: Int
    ) {
        let outputs = 3
        let stride = (length + 63) / 64 * 64
        var (firstGroup, firstTerm, groupLevels): ([UInt32], [UInt32], [Int8]) = ([0], [0], [])
        var list: [UInt32] = []
        // The same as dense rows: each term of each group is a column of its own.
        let columns = outputs * 4 * 300
        var dense = [Int8](repeating: 0, count: outputs * columns)
        var denseOffsets = [UInt32](repeating: 0, count: columns)
        var expected = [Int32](repeating: 0, count: outputs * length)
        for output in 0..<outputs {
            for group in levels.indices {
                for term in 0..<terms[(output + group) % terms.count] {
                    list.append(offsets[term])
                    dense[output * columns + list.count] = levels[group]
                    denseOffsets[list.count] = offsets[term]
                    for p in 0..<length {
                        expected[output * length + p] +=
                            Int32(levels[group]) * Int32(x[Int(offsets[term]) * lanes + p])
                    }
                }
                groupLevels.append(levels[group])
                firstTerm.append(UInt32(list.count))
            }
            firstGroup.append(UInt32(groupLevels.count))
        }
        var found = [Int32](repeating: -1, count: outputs * stride)
        var foundDense = found
        firstGroup.withUnsafeBufferPointer { firstGroup in
            firstTerm.withUnsafeBufferPointer { firstTerm in
                groupLevels.withUnsafeBufferPointer { groupLevels in
                    list.withUnsafeBufferPointer { list in
                        var view = cik_spmm_weights(
                            first_group: firstGroup.baseAddress, levels: groupLevels.baseAddress,
                            first_term: firstTerm.baseAddress, offsets: list.baseAddress,
                            highest: highest, bound: .max)
                        // In two calls, as bands of outputs are.
                        variant.kernels.u8_s8_spmm(&view, 0, 1, x, lanes, length, &found, stride)
                        found.withUnsafeMutableBufferPointer {
                            variant.kernels.u8_s8_spmm(
                                &view, 1, 2, x, lanes, length, $0.baseAddress! + stride, stride)
                        }
                    }
                }
            }
        }
        dense.withUnsafeBufferPointer { dense in
            denseOffsets.withUnsafeBufferPointer { offsets in
                var view = cik_gemm_weights(
                    stride: columns, weights: dense.baseAddress, offsets: offsets.baseAddress)
                variant.kernels.u8_s8_gemm(
                    &view, 0, outputs, x, lanes, length, &foundDense, stride)
            }
        }
        for output in 0..<outputs {
            let want = expected[output * length..<(output + 1) * length]
            let what: Comment = "output \(output), \(lanes) lanes, length \(length)"
            #expect(found[output * stride..<output * stride + length].elementsEqual(want), what)
            #expect(
                foundDense[output * stride..<output * stride + length].elementsEqual(want), what)
        }
    }

    @Test(arguments: Variant.all)
    func `requantizing rows is the rounding rule for every length`(variant: Variant) {
        var random = SplitMix(4)
        for count in 0...70 {
            let acc = (0..<count).map { _ in Int32(truncatingIfNeeded: random.next()) / 4 }
            let multipliers = (0..<count).map { _ in Int32(truncatingIfNeeded: random.next()) / 2 }
            let constants = (0..<count).map { _ in Int64(truncatingIfNeeded: random.next()) / 4 }
            for shift: Int32 in [1, 31, 46, 52] {
                let rounding = cik_rounding(shift: shift, low: 3, high: 250)
                var row = [UInt8](repeating: 1, count: count + 1)
                var each = row
                variant.kernels.s32_requantize_row(acc, count, 1 << 30, 12_345, rounding, &row)
                variant.kernels.s32_requantize_each(
                    acc, count, multipliers, constants, rounding, &each)
                for i in 0..<count {
                    #expect(Int32(row[i]) == cik_requantize(acc[i], 1 << 30, 12_345, rounding))
                    #expect(
                        Int32(each[i])
                            == cik_requantize(acc[i], multipliers[i], constants[i], rounding))
                }
                #expect(row[count] == 1 && each[count] == 1, "writes behind the end")
            }
        }
    }

    @Test(arguments: Variant.all, [1, 64])
    func `encoding looks pixels up and puts samples side by side`(variant: Variant, lanes: Int) {
        var random = SplitMix(5)
        for (channels, area) in [(1, 1), (3, 31), (2, 32), (1, 33), (2, 100)] {
            let tables = random.pixels(channels * 256)
            for count in lanes == 1 ? [1] : [1, 63, 64] {
                let pixels = random.pixels(count * channels * area)
                var bytes = [UInt8](repeating: 9, count: channels * area * lanes)
                tables.withUnsafeBufferPointer {
                    var view = cik_encoding(
                        channels: channels, area: area, tables: $0.baseAddress)
                    variant.kernels.u8_encode(&view, pixels, count, lanes, &bytes)
                }
                for feature in 0..<channels * area {
                    for lane in 0..<lanes {
                        let expected =
                            lane < count
                            ? tables[
                                feature / area * 256 + Int(pixels[lane * channels * area + feature])
                            ]
                            : 0
                        #expect(bytes[feature * lanes + lane] == expected)
                    }
                }
            }
        }
    }
}

@Suite struct InstructionSetTests {
    @Test func `the scalar variant comes first and always runs`() throws {
        #expect(KernelSet.available.first?.isa == "scalar")
        #expect(try KernelSet(.scalar, environment: "no such set").isa == "scalar")
    }

    @Test func `automatic is what the environment names, or else the fastest`() throws {
        #expect(try KernelSet(.automatic, environment: "scalar").isa == "scalar")
        #expect(
            try KernelSet(.automatic, environment: nil).isa == KernelSet.available.last?.isa)
    }

    @Test func `an unknown instruction set is refused with the names of the available ones`() {
        let names = KernelSet.available.map(\.isa)
        let error = EngineError.instructionSet(found: "mmx", available: names)
        #expect(throws: error) { try KernelSet(.automatic, environment: "mmx") }
        #expect(error.description.contains("'mmx'"))
        #expect(error.description.contains("scalar"))
    }

    @Test func `what the environment says reaches the engine only if nothing is asked for`() {
        for set in InstructionSet.allCases where set != .automatic {
            let isAvailable = KernelSet.available.contains { $0.isa == set.rawValue }
            #expect((try? KernelSet(set, environment: nil)) != nil || !isAvailable)
        }
    }
}
