/// Writes the body of a tensor section: levels, number of nonzeros, tables, entries, halves.
enum TensorWriter {
    static func body(
        _ plan: TensorPlan, values: WeightValues, weights: ScannedWeights
    ) -> [UInt8] {
        var writer = BitWriter(capacity: plan.bodyBytes + 8)
        values.write(to: &writer)
        if plan.coding.number != 0 { writer.bits(weights.gaps.count, width(weights.count)) }
        if plan.coding.number == 0 || !weights.gaps.isEmpty {
            plan.coding.writeTables(symbols: values.symbols, to: &writer)
            writeEntries(plan.coding, values.symbols, weights, &writer)
        }
        if case .planes(let planes) = values, !weights.gaps.isEmpty {
            planes.write(weights.halves, to: &writer)
        }
        return writer.finished()
    }

    private static func writeEntries(
        _ coding: TensorCoding, _ symbols: Int, _ weights: ScannedWeights,
        _ writer: inout BitWriter
    ) {
        switch coding {
        case .raw:
            writeRaw(width(symbols), weights, &writer)
        case .packed(let gapBits):
            let codeBits = width(symbols - 1)
            for (gap, code) in zip(weights.gaps, weights.codes) {
                writer.bits(Int(gap), gapBits)
                writer.bits(Int(code) - 1, codeBits)
            }
        case .relativeIndex(let bits, let gaps, let codes):
            writeRelative(bits, PrefixEncoder(gaps), PrefixEncoder(codes), weights, &writer)
        case .gapClasses(let scheme, let gaps, let codes):
            let gapEncoder = PrefixEncoder(gaps)
            let codeEncoder = PrefixEncoder(codes)
            for (gap, code) in zip(weights.gaps, weights.codes) {
                let index = scheme.classIndex(Int(gap))
                gapEncoder.write(index, to: &writer)
                writer.bits(Int(gap) - scheme.first(index), scheme.extraBits(index))
                codeEncoder.write(Int(code) - 1, to: &writer)
            }
        case .joint(let scheme, let pairs):
            let encoder = PrefixEncoder(pairs)
            for (gap, code) in zip(weights.gaps, weights.codes) {
                let index = scheme.classIndex(Int(gap))
                encoder.write(index * symbols + Int(code) - 1, to: &writer)
                writer.bits(Int(gap) - scheme.first(index), scheme.extraBits(index))
            }
        case .lineClasses(let lines, let scheme, let firsts, let codes):
            let firstEncoders = firsts.map { PrefixEncoder($0) }
            let codeEncoder = codes.map { PrefixEncoder($0) }
            var next = 0
            for (gap, code) in zip(weights.gaps, weights.codes) {
                let index = scheme.classIndex(Int(gap))
                let pair = codeEncoder == nil ? index * symbols + Int(code) - 1 : index
                firstEncoders[lines.of(next)].write(pair, to: &writer)
                writer.bits(Int(gap) - scheme.first(index), scheme.extraBits(index))
                codeEncoder?.write(Int(code) - 1, to: &writer)
                next += Int(gap) + 1
            }
        case .rice(let gapParameter, let codeParameter):
            let codeBits = width(symbols - 1)
            for (gap, code) in zip(weights.gaps, weights.codes) {
                writer.rice(Int(gap), gapParameter)
                if let codeParameter {
                    writer.rice(Int(code) - 1, codeParameter)
                } else {
                    writer.bits(Int(code) - 1, codeBits)
                }
            }
        }
    }

    private static func writeRaw(
        _ bits: Int, _ weights: ScannedWeights, _ writer: inout BitWriter
    ) {
        guard bits > 0 else { return }
        var position = 0
        for (gap, code) in zip(weights.gaps, weights.codes) {
            for _ in 0..<gap { writer.bits(0, bits) }
            writer.bits(Int(code), bits)
            position += Int(gap) + 1
        }
        for _ in position..<weights.count { writer.bits(0, bits) }
    }

    /// A gap that does not fit is cut by fillers: code 0 after the largest gap.
    private static func writeRelative(
        _ bits: Int, _ gaps: PrefixEncoder, _ codes: PrefixEncoder, _ weights: ScannedWeights,
        _ writer: inout BitWriter
    ) {
        let largest = 1 << bits - 1
        for (gap, code) in zip(weights.gaps, weights.codes) {
            for _ in 0..<Int(gap) >> bits {
                gaps.write(largest, to: &writer)
                codes.write(0, to: &writer)
            }
            gaps.write(Int(gap) & largest, to: &writer)
            codes.write(Int(code), to: &writer)
        }
    }
}
