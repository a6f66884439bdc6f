import CIntegerKernels
import Inference
import Testing

/// Weights `[outputs, columns]` of a layer over planes, what they read, and how sums become bytes.
private struct PlanarLayer {
    var outputs: Int
    /// Positions from the first plane of all.
    var offsets: [UInt32]
    /// `[outputs, columns]`
    var weights: [Int8]
    /// Bytes with the over-read behind them, which holds other bytes.
    var x: [UInt8]
    var highest: Int
    var lanes: Int
    /// Of the result, and positions from one row to the next in the input.
    var height: Int, width: Int, rowStride: Int

    var columns: Int { offsets.count }
    var length: Int { ((height - 1) * rowStride + width) * lanes }
    var tiles: Int { (length + 63) / 64 }

    /// The largest magnitude that a sum can reach.
    var bound: Int {
        (0..<outputs).map { output in
            let row = weights[output * columns..<(output + 1) * columns]
            let positive = row.reduce(0) { $0 + max(Int($1), 0) }
            let negative = row.reduce(0) { $0 - min(Int($1), 0) }
            return max(positive, negative) * highest
        }.max()!
    }

    func isKept(_ byte: Int) -> Bool { byte / lanes % rowStride < width }

    var kept: [UInt64] {
        var kept = [UInt64](repeating: 0, count: tiles)
        for byte in 0..<length where isKept(byte) { kept[byte / 64] |= 1 << UInt64(byte % 64) }
        return kept
    }

    /// The sums by definition, `[outputs, length]`.
    func sums() -> [Int32] {
        var sums = [Int32](repeating: 0, count: outputs * length)
        for output in 0..<outputs {
            for column in 0..<columns {
                let weight = Int32(weights[output * columns + column])
                if weight == 0 { continue }
                let start = Int(offsets[column]) * lanes
                for byte in 0..<length {
                    sums[output * length + byte] += weight * Int32(x[start + byte])
                }
            }
        }
        return sums
    }
}

/// A kernel with its weights packed, ready for any outputs.
private typealias PlanarKernel = (UnsafePointer<cik_planar>, _ first: Int, _ count: Int) -> Void

/// How sums become bytes, owned.
private struct Rules {
    var multipliers: [Int32]
    var constants: [Int64]
    var rounding: cik_rounding
    var bits: Int32
    var narrow: NarrowRule?
    var float: FloatRule?

    /// Multipliers as `upper << 16 + lower`, and constants with the half in halves.
    var halves: [Int32] {
        var halves: [Int32] = []
        for (multiplier, constant) in zip(multipliers, constants) {
            let lower = Int32(Int16(truncatingIfNeeded: multiplier))
            let upper = (multiplier - lower) >> 16
            let sum = constant + Int64(1) << Int64(rounding.shift - 1)
            halves += [upper & 0xffff, lower & 0xffff]
            halves += [Int32(truncatingIfNeeded: sum >> 16), Int32(sum & 0xffff)]
        }
        return halves
    }

    /// Rules for results of 4 bits that the engine narrows; others are drawn until it does.
    init(narrow outputs: Int, bound: Int, _ random: inout SplitMix) {
        self.init(outputs, bound: bound, bits: 16, &random)
        rounding = cik_rounding(shift: rounding.shift + 4, low: 2, high: 17)
        let shift = Int64(rounding.shift)
        for _ in 0..<1000 where narrow == nil {
            multipliers = (0..<outputs).map { output in
                (output.isMultiple(of: 2) ? 1 : -1)
                    * Int32.random(in: 0x2000_0000...0x7fff_7fff, using: &random)
            }
            constants = (0..<outputs).map { _ in
                Int64.random(in: -3...20, using: &random) << shift + Int64(random.next() >> 40)
            }
            narrow = NarrowRule(
                multipliers: multipliers, constants: constants, shift: rounding.shift,
                bytes: 2...17, bound: Int64(bound))
        }
    }

    /// Rules for results of 4 bits that the engine computes in floats.
    init(float outputs: Int, bound: Int, _ random: inout SplitMix) {
        self.init(outputs, bound: bound, bits: 32, &random)
        rounding = cik_rounding(shift: min(rounding.shift + 4, 46), low: 2, high: 17)
        let shift = Int64(rounding.shift)
        for _ in 0..<1000 where float == nil {
            constants = (0..<outputs).map { _ in
                Int64.random(in: -3...20, using: &random) << shift + Int64(random.next() >> 40)
            }
            float = FloatRule(
                multipliers: multipliers, constants: constants, shift: rounding.shift,
                bytes: 2...17, bound: Int64(bound))
        }
    }

    /// Rules that put sums of up to `bound` mostly into the range of bytes.
    init(_ outputs: Int, bound: Int, bits: Int32, _ random: inout SplitMix) {
        self.bits = bits
        let exponent = Int32(max(bound, 1).bitWidth - max(bound, 1).leadingZeroBitCount)
        rounding = cik_rounding(
            shift: min(max(30 + exponent - 9, 17), bits == 64 ? 25 : 45), low: 2, high: 250)
        let shift = Int64(rounding.shift)
        multipliers = (0..<outputs).map { _ in
            Int32.random(in: -0x7fff_7fff...0x7fff_7fff, using: &random)
        }
        constants = (0..<outputs).map { _ in
            Int64.random(in: -40...300, using: &random) << shift + Int64(random.next() >> 40)
        }
        multipliers[0] = 0x7fff_7fff
        multipliers[outputs - 1] = -0x7fff_7fff
    }
}

/// Rows of sparse weights for planes, in bytes.
private struct PackedRows {
    var bytes: [UInt8] = []
    var starts: [Int] = []

    /// Adds the row of some terms: steps of groups of 4, of what is left over those of 2, and of 1.
    mutating func addGroups(_ terms: [(UInt16, Int8)]) {
        var (left, steps, counts): ([(UInt16, Int8)], [UInt8], [Int]) = (terms, [], [])
        for group in [4, 2, 1] {
            let groups = Self.groups(of: group, from: &left)
            counts.append(groups.count / 2)
            for pair in stride(from: 0, to: groups.count, by: 2) {
                let both = groups[pair] + groups[pair + 1]
                steps += Self.step(both.map(\.0), [both[0].1, both[group].1])
            }
        }
        add(counts, steps)
    }

    /// Adds the row of some terms, four a step.
    mutating func addQuads(_ terms: [(UInt16, Int8)]) {
        var steps: [UInt8] = []
        for start in stride(from: 0, to: terms.count, by: 4) {
            let four = Array((terms[start...] + [(0, 0), (0, 0), (0, 0)]).prefix(4))
            steps += Self.step(four.map(\.0), four.map(\.1))
        }
        add([(terms.count + 3) / 4], steps)
    }

    private mutating func add(_ counts: [Int], _ steps: [UInt8]) {
        starts.append(bytes.count)
        bytes += counts.flatMap { count in (0..<4).map { UInt8(count >> (8 * $0) & 0xff) } } + steps
    }

    private static func step(_ offsets: [UInt16], _ levels: [Int8]) -> [UInt8] {
        offsets.flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
            + levels.map { UInt8(bitPattern: $0) }
    }

    /// An even number of groups of one level.
    private static func groups(
        of group: Int, from terms: inout [(UInt16, Int8)]
    ) -> [[(UInt16, Int8)]] {
        var groups: [[(UInt16, Int8)]] = []
        var left: [(UInt16, Int8)] = []
        for level in Int8.min...Int8.max {
            var same = terms.filter { $0.1 == level }[...]
            while same.count >= group {
                groups.append(Array(same.prefix(group)))
                same = same.dropFirst(group)
            }
            left += same
        }
        if groups.count % 2 == 1 {
            if group > 1 {
                left += groups.removeLast()
            } else {
                groups.append([(0, 0)])
            }
        }
        terms = left
        return groups
    }
}

/// Kernels over planes, on weights packed here as `CIntegerKernels.h` describes them.
@Suite struct PlanarKernelTests {
    private static let shapes = [
        // height, width, row stride
        (1, 1, 1), (1, 63, 63), (1, 64, 64), (1, 65, 65), (3, 7, 8), (5, 28, 29), (4, 64, 64),
        (5, 56, 57), (9, 31, 37), (2, 130, 131),
    ]

    @Test(arguments: Variant.all, [3, 7, 15, 31, 63, 127, 255])
    func `sparse and dense kernels add shifted runs of activations`(
        variant: Variant, highest: Int
    ) {
        var random = SplitMix(3)
        for lanes in [1, 64] {
            for (height, width, rowStride) in Self.shapes where lanes == 1 || width < 10 {
                for columns in [1, 6, 40] {
                    var layer = PlanarLayer(
                        outputs: 8, offsets: [], weights: [], x: [], highest: highest,
                        lanes: lanes, height: height, width: width, rowStride: rowStride)
                    let levels = Self.levels(highest: highest)
                    layer.offsets = (0..<columns).map { _ in
                        UInt32.random(in: 0..<50, using: &random)
                    }
                    layer.weights = (0..<8 * columns).map { _ in
                        random.uniform() < 0.3 ? 0 : levels.randomElement(using: &random)!
                    }
                    fillActivations(of: &layer, &random)
                    expectAll(variant, layer, &random)
                }
            }
        }
    }

    @Test(arguments: Variant.all, [15, 63, 255])
    func `sums at their bounds, with fully lit planes and extreme weights`(
        variant: Variant, highest: Int
    ) {
        var random = SplitMix(4)
        let levels = Self.levels(highest: highest)
        for columns in [8, 80, 600] {
            var layer = PlanarLayer(
                outputs: 3, offsets: (0..<UInt32(columns)).map { $0 }, weights: [], x: [],
                highest: highest, lanes: 1, height: 1, width: 100, rowStride: 100)
            layer.weights =
                [Int8](repeating: levels.max()!, count: columns)
                + [Int8](repeating: levels.min()!, count: columns)
                + (0..<columns).map { $0 % 3 == 0 ? levels.max()! : levels.min()! }
            layer.x = [UInt8](repeating: UInt8(highest), count: columns + 128 + Int(CIK_OVERREAD))
            expectAll(variant, layer, &random)
        }
    }

    @Test(arguments: Variant.all, [15, 63])
    func `partial sums may leave 16 bits if the sum does not`(variant: Variant, highest: Int) {
        var random = SplitMix(6)
        let columns = 96
        let level = Int8(32767 / highest / (columns / 2))
        var layer = PlanarLayer(
            outputs: 2, offsets: (0..<UInt32(columns)).map { $0 }, weights: [], x: [],
            highest: highest, lanes: 1, height: 1, width: 200, rowStride: 200)
        // All positive ones first, and all negative ones.
        let half = [Int8](repeating: level, count: columns / 2)
        layer.weights = half + half.map { -$0 } + half.map { -$0 } + half
        layer.x = [UInt8](repeating: UInt8(highest), count: columns + 200 + Int(CIK_OVERREAD))
        #expect(layer.bound <= 32767 && 2 * layer.bound > 32767)
        expectAll(variant, layer, &random)
        fillActivations(of: &layer, &random)
        expectAll(variant, layer, &random)
    }

    @Test(arguments: Variant.all, [3, 15, 255])
    func `depthwise kernels read one channel an output`(variant: Variant, highest: Int) {
        var random = SplitMix(5)
        for lanes in [1, 64] {
            for (height, width, rowStride) in Self.shapes where lanes == 1 || width < 10 {
                for runs in [1, 3, 10] {
                    expectDepthwise(
                        variant, (height, width, rowStride), runs: runs, lanes: lanes,
                        highest: highest, &random)
                }
            }
        }
    }

    /// A few levels, so that groups are found, with the extreme ones that all kernels take.
    private static func levels(highest: Int) -> [Int8] {
        highest == 63
            ? [-65, -3, 1, 65] : highest == 31 ? [-128, -3, 1, 127] : [-128, -7, 2, 127]
    }

    private func fillActivations(of layer: inout PlanarLayer, _ random: inout SplitMix) {
        let highest = UInt8(layer.highest)
        let last = Int(layer.offsets.max()!) * layer.lanes + layer.length
        layer.x =
            (0..<last).map { _ in UInt8.random(in: 0...highest, using: &random) }
            + random.pixels(Int(CIK_OVERREAD))
    }

    private func expectAll(
        _ variant: Variant, _ layer: PlanarLayer, _ random: inout SplitMix
    ) {
        let sums = layer.sums()
        let outputs = layer.outputs
        let bits = [Int32(16), 32, 64].filter { $0 != 16 || layer.bound <= Int16.max }
        var rules = [Rules?.none]
        for bits in bits { rules.append(Rules(outputs, bound: layer.bound, bits: bits, &random)) }
        if layer.bound <= Int16.max {
            let rule = Rules(narrow: outputs, bound: layer.bound, &random)
            #expect(rule.narrow != nil)
            rules.append(rule)
        }
        if layer.bound <= 1 << 22 {
            let rule = Rules(float: outputs, bound: layer.bound, &random)
            #expect(rule.float != nil)
            rules.append(rule)
        }
        for blocks in [1, 2, 3] {
            withQuads(variant, layer, blocks: blocks) { kernel in
                for rule in rules {
                    expect(kernel, layer, sums, rule, "u8_s8_spmm of \(blocks) blocks")
                }
            }
        }
        withDense(variant, layer) { kernel in
            for rule in rules { expect(kernel, layer, sums, rule, "u8_s8_gemm") }
        }
        let largest = layer.weights.map { Int($0.magnitude) }.max()!
        guard layer.highest <= 63, 8 * layer.highest * largest <= 32767 else { return }
        for blocks in [1, 2, 3] {
            withGroups(variant, layer, blocks: blocks) { kernel in
                for rule in rules {
                    expect(kernel, layer, sums, rule, "u6_s8_spmm of \(blocks) blocks")
                }
            }
        }
    }

    /// Runs a kernel in two calls, as bands of outputs are, and compares with the sums, without and
    /// with a border.
    private func expect(
        _ kernel: PlanarKernel, _ layer: PlanarLayer, _ sums: [Int32], _ rules: Rules?,
        _ name: String
    ) {
        expect(kernel, layer, sums, rules, name, hasBorder: false)
        if rules != nil { expect(kernel, layer, sums, rules, name, hasBorder: true) }
    }

    private func expect(
        _ kernel: PlanarKernel, _ layer: PlanarLayer, _ sums: [Int32], _ rules: Rules?,
        _ name: String, hasBorder: Bool
    ) {
        let (outputs, length) = (layer.outputs, layer.length)
        let size = hasBorder ? layer.tiles * 64 : layer.height * layer.width * layer.lanes
        var y = [UInt8](repeating: 1, count: outputs * size + 1)
        var acc = [Int32](repeating: -1, count: outputs * layer.tiles * 64)
        let scratch = UnsafeMutableRawPointer.allocate(
            byteCount: max((layer.columns + 3) / 4 * 4, 8 * outputs) * 64, alignment: 64)
        defer { scratch.deallocate() }
        var planar = cik_planar()
        planar.scratch = scratch.assumingMemoryBound(to: UInt8.self)
        (planar.lanes, planar.length) = (layer.lanes, length)
        (planar.y_stride, planar.acc_stride) = (size, layer.tiles * 64)
        (planar.has_border, planar.fill) = (hasBorder, 77)
        planar.band = layer.columns % 7 + 1
        let kept = layer.kept
        layer.x.withUnsafeBufferPointer { x in
            kept.withUnsafeBufferPointer { kept in
                y.withUnsafeMutableBufferPointer { y in
                    acc.withUnsafeMutableBufferPointer { acc in
                        planar.x = x.baseAddress
                        planar.kept = kept.baseAddress
                        planar.y = y.baseAddress
                        planar.acc = acc.baseAddress
                        withEpilogue(rules) {
                            planar.epilogue = $0
                            kernel(&planar, 0, 1)
                            kernel(&planar, 1, outputs - 1)
                        }
                    }
                }
            }
        }
        let what: Comment =
            """
            \(name), bits \(rules?.bits ?? 0)\(rules?.narrow == nil ? "" : " narrowed")\
            \(rules?.float == nil ? "" : " in floats"), \
            \(layer.lanes) lanes, \(layer.height)x\(layer.width), border: \(hasBorder)
            """
        guard let rules else {
            for output in 0..<outputs {
                let found = acc[output * planar.acc_stride..<output * planar.acc_stride + length]
                let want = sums[output * length..<(output + 1) * length]
                #expect(found.elementsEqual(want), what)
            }
            return
        }
        var expected: [UInt8] = []
        for output in 0..<outputs {
            for byte in 0..<(hasBorder ? size : length) {
                if byte < length && layer.isKept(byte) {
                    expected.append(
                        UInt8(
                            cik_requantize(
                                sums[output * length + byte], rules.multipliers[output],
                                rules.constants[output], rules.rounding)))
                } else if hasBorder {
                    expected.append(77)
                }
            }
        }
        #expect(y == expected + [1], what)
    }

    private func withEpilogue(
        _ rules: Rules?, _ body: (UnsafePointer<cik_epilogue>?) -> Void
    ) {
        guard let rules else { return body(nil) }
        let halves = rules.halves
        let narrow = rules.narrow
        withPointers(narrow?.outputs ?? [cik_narrow_rule()], [0], halves) {
            narrowRules, _, halves in
            // Every third output does without.
            let multipliers = rules.float?.multipliers.enumerated().map { $0 % 3 == 2 ? 0 : $1 }
            let floats = (multipliers ?? [0]) + (rules.float?.constants ?? [0])
            withPointers(rules.multipliers, rules.constants, floats) {
                multipliers, constants, floats in
                var epilogue = cik_epilogue(
                    multipliers: multipliers, constants: constants, halves: halves,
                    rounding: rules.rounding, bits: rules.bits,
                    narrow: narrow == nil ? nil : narrowRules,
                    most_are_narrow: narrow?.isNearlyComplete ?? false,
                    float_multipliers: rules.float == nil ? nil : floats,
                    float_constants: rules.float.map { floats! + $0.multipliers.count })
                body(&epilogue)
            }
        }
    }

    // MARK: Packing

    private func withDense(
        _ variant: Variant, _ layer: PlanarLayer, _ body: (PlanarKernel) -> Void
    ) {
        let stride = (layer.columns + 3) / 4 * 4
        let filling = stride - layer.columns
        let offsets = layer.offsets + [UInt32](repeating: 0, count: filling)
        var weights: [Int8] = []
        for output in 0..<layer.outputs {
            weights += layer.weights[output * layer.columns..<(output + 1) * layer.columns]
            weights += [Int8](repeating: 0, count: filling)
        }
        withPointers([UInt8](), offsets, weights) { _, offsets, weights in
            var view = cik_gemm_weights(stride: stride, weights: weights, offsets: offsets)
            body { variant.kernels.u8_s8_gemm(&view, $0, $1, $2) }
        }
    }

    private func withGroups(
        _ variant: Variant, _ layer: PlanarLayer, blocks: Int, _ body: (PlanarKernel) -> Void
    ) {
        withRows(of: layer, blocks: blocks, { $0.addGroups($1) }) { rows in
            let largest = layer.weights.map { Int($0.magnitude) }.max()!
            var view = cik_grouped_weights(
                rows: rows, steps_in_16_bits: 32767 / max(8 * layer.highest * largest, 1),
                bound: Int32(layer.bound))
            body { variant.kernels.u6_s8_spmm(&view, $0, $1, $2) }
        }
    }

    private func withQuads(
        _ variant: Variant, _ layer: PlanarLayer, blocks: Int, _ body: (PlanarKernel) -> Void
    ) {
        withRows(of: layer, blocks: blocks, { $0.addQuads($1) }) { rows in
            var view = cik_spmm_weights(rows: rows)
            body { variant.kernels.u8_s8_spmm(&view, $0, $1, $2) }
        }
    }

    /// The rows of a layer; `add` adds one.
    private func withRows(
        of layer: PlanarLayer, blocks: Int, _ add: (inout PackedRows, [(UInt16, Int8)]) -> Void,
        _ body: (cik_rows) -> Void
    ) {
        var rows = PackedRows()
        var blockStarts: [UInt32] = []
        // Any order that is not that of the outputs.
        let order = (0..<layer.outputs).map { UInt32(($0 + 1) % layer.outputs) }
        for block in 0..<blocks {
            // Every `blocks`-th column.
            let columns = (0..<layer.columns).filter { $0 % blocks == block }
            let start = columns.map { layer.offsets[$0] }.min() ?? 0
            blockStarts.append(start)
            for output in order {
                let terms = columns.map {
                    (
                        UInt16(layer.offsets[$0] - start),
                        layer.weights[Int(output) * layer.columns + $0]
                    )
                }
                add(&rows, terms.filter { $0.1 != 0 })
            }
        }
        rows.bytes += [UInt8](repeating: 0, count: Int(CIK_AHEAD))
        withPointers(blockStarts, rows.bytes, rows.starts) { blockStarts, bytes, starts in
            order.withUnsafeBufferPointer { order in
                body(
                    cik_rows(
                        outputs: layer.outputs, blocks: blocks, block_starts: blockStarts,
                        bytes: bytes, starts: starts, order: order.baseAddress, offset_size: 2,
                        shift: 0))
            }
        }
    }

    private func withPointers<A, B, C>(
        _ a: [A], _ b: [B], _ c: [C],
        _ body: (UnsafePointer<A>?, UnsafePointer<B>?, UnsafePointer<C>?) -> Void
    ) {
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                c.withUnsafeBufferPointer { body(a.baseAddress, b.baseAddress, $0.baseAddress) }
            }
        }
    }

    /// Three channels, each with runs of four weights at random places.
    private func expectDepthwise(
        _ variant: Variant, _ shape: (Int, Int, Int), runs: Int, lanes: Int, highest: Int,
        _ random: inout SplitMix
    ) {
        let offsets = (0..<runs).map { _ in UInt32.random(in: 0..<40, using: &random) }
        let levels: [Int8] = [-128, 127, 0, 5]
        let weights = (0..<3 * runs * 4).map { _ in levels.randomElement(using: &random)! }
        let (height, width, rowStride) = shape
        let planeStride = (height - 1) * rowStride + width + 44
        // The same as rows over all channels.
        var layer = PlanarLayer(
            outputs: 3, offsets: [], weights: [Int8](repeating: 0, count: 9 * runs * 4), x: [],
            highest: highest, lanes: lanes, height: height, width: width, rowStride: rowStride)
        for output in 0..<3 {
            for (run, offset) in offsets.enumerated() {
                for i in 0..<4 {
                    let column = layer.offsets.count
                    layer.offsets.append(UInt32(output * planeStride + i) + offset)
                    layer.weights[output * 3 * runs * 4 + column] =
                        weights[(output * runs + run) * 4 + i]
                }
            }
        }
        fillActivations(of: &layer, &random)
        let sums = layer.sums()
        withPointers([], offsets, weights) { _, offsets, weights in
            var view = cik_depthwise_weights(
                runs: runs, weights: weights, offsets: offsets, plane_stride: planeStride)
            let bits = [Int32(16), 32, 64].filter { $0 != 16 || layer.bound <= Int16.max }
            var all = [nil] + bits.map { Rules(3, bound: layer.bound, bits: $0, &random) }
            if layer.bound <= Int16.max {
                all.append(Rules(narrow: 3, bound: layer.bound, &random))
            }
            all.append(Rules(float: 3, bound: layer.bound, &random))
            for rules in all {
                expect(
                    { variant.kernels.u8_s8_depthwise(&view, $0, $1, $2) }, layer, sums, rules,
                    "u8_s8_depthwise")
            }
        }
    }
}
