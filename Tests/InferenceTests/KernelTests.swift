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
    func `spmv adds four products a row and step, wherever the window is`(
        variant: Variant, isNarrow: Bool
    ) {
        var random = SplitMix(1)
        for window in [64, 128, 256] {
            for slices in 1...3 {
                for highest in [15, 127, 255] {
                    for (inOrder, areCodes) in [
                        (false, false), (true, false), (false, true), (true, true),
                    ] {
                        expectSparse(
                            variant, isNarrow: isNarrow, window: window, slices: slices,
                            highest: highest, inOrder: inOrder, areCodes: areCodes, &random)
                    }
                }
            }
        }
    }

    /// Slots hold random columns and weights, the extreme ones in every other slice.
    private func expectSparse(
        _ variant: Variant, isNarrow: Bool, window: Int, slices: Int, highest: Int,
        inOrder: Bool, areCodes: Bool, _ random: inout SplitMix
    ) {
        var firstPair: [UInt32] = [0]
        for _ in 0..<slices {
            let pairs = [0, 1, 2, 3, 30].randomElement(using: &random)! as UInt32
            firstPair.append(firstPair.last! + pairs)
        }
        let steps = Int(firstPair[slices]) * 2
        let advances = (0..<steps).map { _ in UInt8.random(in: 0...3, using: &random) }
        let columns = random.pixels(steps * 64).map { $0 % UInt8(window - 1) }
        let codes = random.pixels(steps * 64).map { $0 % 16 }
        let levels =
            areCodes
            ? [Int8](0...7) + (-8 ... -1)
            : [0] + (1..<16).map { _ in Int8.random(in: -128...127, using: &random) }
        let weights = (0..<steps * 64).map { slot -> Int8 in
            if isNarrow { return levels[Int(codes[slot])] }
            return slot / 64 % 4 < 2 ? -128 : Int8(truncatingIfNeeded: random.next())
        }
        var pairs: [UInt8] = []
        for start in stride(from: 0, to: steps * 64, by: 128) {
            pairs += columns[start..<start + 128]
            if isNarrow {
                pairs += (start..<start + 64).map { codes[$0] | codes[$0 + 64] << 4 }
            } else {
                pairs += weights[start..<start + 128].map { UInt8(bitPattern: $0) }
            }
        }
        let ordered = [UInt32](0..<UInt32(slices * 16))
        let outputs = inOrder ? ordered : ordered.shuffled(using: &random)
        let x = activations(60 * 3 * 16 + 256, highest: highest, &random)
        var expected = [Int32](repeating: 0, count: slices * 16)
        for slice in 0..<slices {
            var start = 0
            for step in Int(firstPair[slice]) * 2..<Int(firstPair[slice + 1]) * 2 {
                start += Int(advances[step]) * 16
                for slot in 0..<64 {
                    let place = step * 64 + slot
                    expected[Int(outputs[slice * 16 + slot / 4])] +=
                        Int32(weights[place]) * Int32(x[start + Int(columns[place])])
                }
            }
        }
        var found = [Int32](repeating: -1, count: slices * 16)
        firstPair.withUnsafeBufferPointer { firstPair in
            advances.withUnsafeBufferPointer { advances in
                pairs.withUnsafeBufferPointer { pairs in
                    outputs.withUnsafeBufferPointer { outputs in
                        levels.withUnsafeBufferPointer { levels in
                            var view = cik_spmv_weights(
                                slices: slices, window: window,
                                first_pair: firstPair.baseAddress,
                                advances: advances.baseAddress, pairs: pairs.baseAddress,
                                outputs: outputs.baseAddress, in_order: inOrder,
                                levels: levels.baseAddress, codes_are_levels: areCodes,
                                highest: Int32(highest))
                            let kernel =
                                isNarrow
                                ? variant.kernels.u8_c4_spmv : variant.kernels.u8_s8_spmv
                            // In two calls, as two threads would share the slices.
                            kernel!(&view, slices / 2, slices - slices / 2, x, &found)
                            kernel!(&view, 0, slices / 2, x, &found)
                        }
                    }
                }
            }
        }
        #expect(found == expected, "window \(window), \(slices) slices, x up to \(highest)")
    }

    @Test(arguments: Variant.all, [127, 255])
    func `gemv adds whole rows, extreme weights and activations too`(
        variant: Variant, highest: Int
    ) {
        var random = SplitMix(2)
        for stride in [64, 128, 320] {
            for outputs in [1, 3, 16, 17] {
                var levels = weights(outputs * stride, density: 0.9, &random)
                for i in 0..<stride { levels[i] = -128 }
                let x = activations(stride, highest: highest, &random)
                    .map { max($0, UInt8(highest - 5)) }
                let expected = (0..<outputs).map { (output: Int) -> Int32 in
                    (0..<stride).reduce(Int32(0)) {
                        $0 + Int32(levels[output * stride + $1]) * Int32(x[$1])
                    }
                }
                var found = [Int32](repeating: -1, count: outputs)
                levels.withUnsafeBufferPointer {
                    var view = cik_gemv_weights(
                        outputs: outputs, stride: stride, weights: $0.baseAddress,
                        highest: Int32(highest))
                    let part = outputs / 3
                    variant.kernels.u8_s8_gemv(&view, part, outputs - part, x, &found)
                    variant.kernels.u8_s8_gemv(&view, 0, part, x, &found)
                }
                #expect(found == expected, "\(outputs) outputs of \(stride)")
            }
        }
    }

    @Test(arguments: Variant.all)
    func `requantizing one accumulator of each output is the rounding rule for every length`(
        variant: Variant
    ) {
        var random = SplitMix(4)
        for count in 0...70 {
            let acc = (0..<count).map { _ in Int32(truncatingIfNeeded: random.next()) / 4 }
            let multipliers = (0..<count).map { _ in Int32(truncatingIfNeeded: random.next()) / 2 }
            let constants = (0..<count).map { _ in Int64(truncatingIfNeeded: random.next()) / 4 }
            for shift: Int32 in [1, 31, 46, 52] {
                let rounding = cik_rounding(shift: shift, low: 3, high: 250)
                var each = [UInt8](repeating: 1, count: count + 1)
                variant.kernels.s32_requantize_each(
                    acc, count, multipliers, constants, rounding, &each)
                for i in 0..<count {
                    #expect(
                        Int32(each[i])
                            == cik_requantize(acc[i], multipliers[i], constants[i], rounding))
                }
                #expect(each[count] == 1, "writes behind the end")
            }
        }
    }

    @Test(arguments: Variant.all)
    func `requantizing in floats is the floor of one fused multiply-add for every length`(
        variant: Variant
    ) throws {
        guard let kernel = variant.kernels.s32_requantize_floats else { return }
        var random = SplitMix(6)
        for count in 0...70 {
            let acc = (0..<count).map { _ in Int32(random.next() % 40_000) - 20_000 }
            let multipliers = (0..<count).map { _ in
                Float(Int(random.next() % 2_000) - 1_000) / 300_000
            }
            let constants = (0..<count).map { _ in Float(Int(random.next() % 400) - 100) / 3 }
            let rounding = cik_rounding(shift: 1, low: 3, high: 250)
            var bytes = [UInt8](repeating: 1, count: count + 1)
            kernel(acc, count, multipliers, constants, rounding, &bytes)
            for i in 0..<count {
                let value = constants[i].addingProduct(multipliers[i], Float(acc[i]))
                #expect(Float(bytes[i]) == min(max(value.rounded(.down), 3), 250))
            }
            #expect(bytes[count] == 1, "writes behind the end")
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

/// The kernels of operations without weights, against loops over single values.
@Suite struct PlainKernelTests {
    private let rounding = cik_rounding(shift: 33, low: 2, high: 250)
    private let multiplier: Int32 = 1_900_000_001

    private func code(_ sum: Int64) -> UInt8 { UInt8(cik_requantize_sum(sum, rounding)) }

    /// Windows over `[2, height, width]` images.
    private func pooling(
        _ kernel: [Int], _ stride: [Int], _ padding: [Int], _ size: [Int]
    ) -> cik_pooling {
        let output = (0..<2).map { (axis: Int) -> Int in
            let free: Int = size[axis] + 2 * padding[axis] - kernel[axis]
            return free / stride[axis] + 1
        }
        return cik_pooling(
            channels: 2, height: size[0], width: size[1], kernel_height: kernel[0],
            kernel_width: kernel[1], stride_height: stride[0], stride_width: stride[1],
            padding_height: padding[0], padding_width: padding[1], output_height: output[0],
            output_width: output[1], row_stride: size[1], channel_stride: size[0] * size[1],
            output_row_stride: output[1], output_channel_stride: output[0] * output[1])
    }

    /// The same over rows and channels that lie further apart, in input and output.
    private func spread(_ pooling: cik_pooling) -> cik_pooling {
        var p = pooling
        p.row_stride = p.width + 3
        p.channel_stride = p.height * p.row_stride + 5
        p.output_row_stride = p.output_width + 2
        p.output_channel_stride = p.output_height * p.output_row_stride + 7
        return p
    }

    /// The bytes in each window of one lane; `nil` outside the image.
    private func windows(_ p: cik_pooling, _ x: [UInt8], lane: Int, of lanes: Int) -> [[UInt8?]] {
        var result: [[UInt8?]] = []
        for place in 0..<p.channels * p.output_height * p.output_width {
            let channel = place / (p.output_height * p.output_width)
            let top: Int = place / p.output_width % p.output_height * p.stride_height
            let left: Int = place % p.output_width * p.stride_width
            var window: [UInt8?] = []
            for i in 0..<p.kernel_height * p.kernel_width {
                let row: Int = top + i / p.kernel_width - p.padding_height
                let column: Int = left + i % p.kernel_width - p.padding_width
                let isInside = 0..<p.height ~= row && 0..<p.width ~= column
                let index: Int =
                    (channel * p.channel_stride + row * p.row_stride + column) * lanes + lane
                window.append(isInside ? x[index] : nil)
            }
            result.append(window)
        }
        return result
    }

    @Test(arguments: Variant.all, [1, 64])
    func `pooling takes the largest byte or the mean of a window`(variant: Variant, lanes: Int) {
        var random = SplitMix(6)
        for (kernel, stride, padding) in [
            ([1, 1], [1, 1], [0, 0]), ([2, 2], [2, 2], [0, 0]), ([3, 3], [2, 2], [1, 1]),
            ([3, 3], [2, 2], [0, 0]), ([2, 3], [1, 2], [0, 2]),
            ([5, 4], [1, 3], [4, 3]), ([7, 9], [1, 1], [0, 0]), ([3, 3], [1, 1], [1, 1]),
        ] {
            let sizes = [[7, 9], [8, 63], [7, 64], [7, 65], [9, 130]]
            for size in sizes where lanes == 1 || size[1] == 9 {
                let pooling = pooling(kernel, stride, padding, size)
                expectPooling(variant, pooling, lanes, &random)
                expectPooling(variant, spread(pooling), lanes, &random)
            }
        }
        // Means of whole planes.
        for area in [[1, 1], [7, 7], [8, 8], [5, 13], [20, 20]] {
            let pooling = pooling(area, [1, 1], [0, 0], area)
            expectPooling(variant, pooling, lanes, &random)
            expectPooling(variant, spread(pooling), lanes, &random)
        }
    }

    private func expectPooling(
        _ variant: Variant, _ pooling: cik_pooling, _ lanes: Int, _ random: inout SplitMix
    ) {
        var pooling = pooling
        let x = random.pixels(2 * pooling.channel_stride * lanes + Int(CIK_OVERREAD))
        let count = 2 * pooling.output_channel_stride
        var largest = [UInt8](repeating: 1, count: count * lanes)
        var means = largest
        variant.kernels.u8_max_pooling(&pooling, x, lanes, &largest)
        var averaging = cik_averaging(
            windows: pooling, fill: 77, multiplier: multiplier, constant: -(1 << 36),
            rounding: rounding)
        variant.kernels.u8_average_pooling(&averaging, x, lanes, &means)
        var (expectedLargest, expectedMeans) = (largest, means)
        for lane in 0..<lanes {
            for (place, window) in windows(pooling, x, lane: lane, of: lanes).enumerated() {
                let (channel, inside) = place.quotientAndRemainder(
                    dividingBy: pooling.output_height * pooling.output_width)
                let (row, column) = inside.quotientAndRemainder(dividingBy: pooling.output_width)
                let place =
                    channel * pooling.output_channel_stride + row * pooling.output_row_stride
                    + column
                let sum = window.reduce(Int64(0)) { $0 + Int64($1 ?? 77) }
                expectedMeans[place * lanes + lane] = code(sum * Int64(multiplier) - 1 << 36)
                expectedLargest[place * lanes + lane] = window.compactMap { $0 }.max()!
            }
        }
        #expect(largest == expectedLargest, "\(pooling)")
        #expect(means == expectedMeans, "\(pooling)")
    }

    @Test(arguments: Variant.all)
    func `adding weighs each input, for every length`(variant: Variant) {
        var random = SplitMix(7)
        let multipliers: [Int32] = [.max, -1_500_000_000, 3, 800_000_000, -7]
        for terms in [2, 3, 5] {
            for count in Array(0...70) + [127, 128, 129, 200] {
                let inputs = (0..<terms).map { _ in random.pixels(count + 1) }
                var y = [UInt8](repeating: 1, count: count + 1)
                multipliers.withUnsafeBufferPointer { multipliers in
                    var addition = cik_addition(
                        terms: terms, multipliers: multipliers.baseAddress, constant: 1 << 38,
                        rounding: rounding)
                    withPointers(to: inputs) { variant.kernels.u8_add(&addition, $0, count, &y) }
                }
                for i in 0..<count {
                    var sum: Int64 = 1 << 38
                    for (input, multiplier) in zip(inputs, multipliers) {
                        sum += Int64(multiplier) * Int64(input[i])
                    }
                    #expect(y[i] == code(sum), "\(terms) terms, \(count)")
                }
                #expect(y[count] == 1, "writes behind the end")
            }
        }
    }

    private func withPointers(
        to inputs: [[UInt8]], _ body: (UnsafePointer<UnsafePointer<UInt8>?>?) -> Void
    ) {
        var pointers: [UnsafePointer<UInt8>?] = []
        func next() {
            guard pointers.count < inputs.count else { return body(pointers) }
            inputs[pointers.count].withUnsafeBufferPointer {
                pointers.append($0.baseAddress)
                next()
            }
        }
        next()
    }

    /// `both`, `first`, `second`, `constant` and the rounding of products: as planned, with an offset that is
    /// no whole number of steps, negative, and such that 32 bits do not do for the terms, or for the result.
    private static let products: [(Int64, Int64, Int64, Int64, cik_rounding)] = [
        (
            20_000_000, -300_000_000_000, 900_000_000, 1 << 39,
            cik_rounding(shift: 33, low: 3, high: 250)
        ),
        (
            1_500_000_123, -4_500_000_369, -55_500_004_551, 170_000_000_000,
            cik_rounding(shift: 39, low: 0, high: 255)
        ),
        (-2_000_000_001, 255_000_000_000, 7_777, -99, cik_rounding(shift: 38, low: 0, high: 15)),
        (
            2_147_483_647, -1_073_741_824, 1_073_741_823, -1,
            cik_rounding(shift: 1, low: 0, high: 255)
        ),
        (
            2_147_483_647, -18_000_000_000_000, 3, 1 << 45,
            cik_rounding(shift: 40, low: 0, high: 255)
        ),
        (2_147_483_648, 5, 6, 7, cik_rounding(shift: 39, low: 1, high: 254)),
        (3, 1 << 44, -(1 << 43), 0, cik_rounding(shift: 44, low: 0, high: 255)),
        (0, 1 << 30, 1 << 31, 0, cik_rounding(shift: 32, low: 0, high: 255)),
        (1, -200, -250, (1 << 61) - 1, cik_rounding(shift: 62, low: 0, high: 255)),
        (1, -200, -250, (1 << 61) + 1, cik_rounding(shift: 54, low: 0, high: 255)),
    ]

    @Test(arguments: Variant.all, [1, 16, 17, 64])
    func `multiplying pairs places, or all of a channel with one factor`(
        variant: Variant, lanes: Int
    ) {
        var random = SplitMix(8)
        for (isOnePerChannel, product) in Self.products.flatMap({ [(false, $0), (true, $0)] }) {
            let (both, first, second, constant, rounding) = product
            for (channels, area, highest) in [
                (1, 1, 255), (3, 1, 255), (2, 7, 255), (5, 20, 255), (2, 255, 255), (2, 300, 255),
                (3, 15, 15), (3, 16, 15), (2, 71, 15), (2, 130, 100), (1, 384, 255), (2, 401, 255),
            ] where lanes == 1 || area < 300 {
                var multiplication = cik_multiplication(
                    channels: channels, area: area, one_per_channel: isOnePerChannel,
                    both: both, first: first, second: second,
                    constant: constant, rounding: rounding, highest: Int32(highest))
                let a = random.pixels(channels * area * lanes).map { min($0, UInt8(highest)) }
                let b = random.pixels(channels * (isOnePerChannel ? 1 : area) * lanes)
                var y = [UInt8](repeating: 1, count: a.count + 1)
                variant.kernels.u8_multiply(&multiplication, a, b, lanes, &y)
                let expected = a.indices.map { i in
                    let channel = i / (area * lanes)
                    let other = b[isOnePerChannel ? channel * lanes + i % lanes : i]
                    let (p, q) = (Int64(a[i]), Int64(other))
                    let sum: Int64 = both * p * q + first * p + second * q + constant
                    return UInt8(cik_requantize_sum(sum, rounding))
                }
                #expect(y == expected + [1])
            }
        }
    }

    @Test(arguments: Variant.all)
    func `looking up and shuffling`(variant: Variant) {
        var random = SplitMix(9)
        let table = random.pixels(256)
        for count in Array(0...70) + [255, 256, 257] {
            let x = random.pixels(count)
            var y = [UInt8](repeating: 1, count: count + 1)
            variant.kernels.u8_lookup(table, x, count, &y)
            #expect(y == x.map { table[Int($0)] } + [1])
        }
        for (groups, channels) in [(1, 4), (4, 4), (2, 6), (3, 6)] {
            for size in [1, 5, 64] {
                let x = random.pixels(channels * size)
                var y = [UInt8](repeating: 1, count: x.count)
                variant.kernels.u8_channel_shuffle(groups, channels, size, x, &y)
                for channel in 0..<channels {
                    let source = channel % groups * (channels / groups) + channel / groups
                    let want = x[source * size..<(source + 1) * size]
                    #expect(y[channel * size..<(channel + 1) * size].elementsEqual(want))
                }
            }
        }
    }

    @Test(arguments: Variant.all, [1, 64])
    func `planes may have borders of four widths and phases of any stride`(
        variant: Variant, lanes: Int
    ) {
        var random = SplitMix(10)
        for stride in [1, 2, 3, 4] {
            for width in [1, 4, 31, 63, 64, 65, 130] where lanes == 1 || width < 32 {
                for (phases, left, right) in [(stride, 2, 1), (1, 0, 0), (stride, 3, 9)] {
                    let bordered = left + width + right
                    var planes = cik_planes(
                        channels: 2, height: 5, width: width, row_stride: width + width % 4,
                        channel_stride: 5 * (width + width % 4) + width % 3, padding_height: 1,
                        padding_width: left, stride_height: stride, stride_width: stride,
                        phases_height: phases, phases_width: phases,
                        plane_height: (1 + 5 + 2 + stride - 1) / stride,
                        plane_width: (bordered + stride - 1) / stride, plane_stride: 0, fill: 9)
                    planes.plane_stride = planes.plane_height * planes.plane_width + 7 * (width % 3)
                    expectPlanes(variant, &planes, lanes: lanes, &random)
                }
            }
        }
    }

    private func expectPlanes(
        _ variant: Variant, _ p: inout cik_planes, lanes: Int, _ random: inout SplitMix
    ) {
        let x = random.pixels(p.channels * p.channel_stride * lanes + Int(CIK_OVERREAD))
        let count = p.channels * p.phases_height * p.phases_width * p.plane_stride
        var expected: [UInt8] = []
        for place in 0..<count {
            let inPlane = place % p.plane_stride
            let (column, row) = (inPlane % p.plane_width, inPlane / p.plane_width)
            let phase = place / p.plane_stride
            let phaseX = phase % p.phases_width
            let phaseY: Int = phase / p.phases_width % p.phases_height
            let channel = phase / (p.phases_width * p.phases_height)
            let x0: Int = column * p.stride_width + phaseX - p.padding_width
            let y0: Int = row * p.stride_height + phaseY - p.padding_height
            let isInPlane = row < p.plane_height
            let isInside = isInPlane && 0..<p.height ~= y0 && 0..<p.width ~= x0
            let source = (channel * p.channel_stride + y0 * p.row_stride + x0) * lanes
            for lane in 0..<lanes { expected.append(isInside ? x[source + lane] : 9) }
        }
        var y = [UInt8](repeating: 1, count: count * lanes + 1)
        variant.kernels.u8_planes(&p, x, lanes, &y)
        #expect(y == expected + [1], "width \(p.width), stride \(p.stride_width)")
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

    @Test func `what the environment says reaches the engine only if nothing is asked for`() throws
    {
        for asked in KernelSet.available {
            let set = try #require(InstructionSet(rawValue: asked.isa))
            for said in InstructionSet.allCases where said != set {
                #expect(try KernelSet(set, environment: said.rawValue).isa == asked.isa)
            }
            #expect(try KernelSet(set, environment: nil).isa == asked.isa)
            #expect(try KernelSet(.automatic, environment: asked.isa).isa == asked.isa)
        }
    }
}
