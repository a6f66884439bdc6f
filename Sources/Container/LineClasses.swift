/// Lines of a scan grouped by how many nonzeros they have, so that gaps in dense and in sparse lines
/// have codes of their own.
///
/// A gap belongs to the line in which it begins, behind the nonzero before it.
struct LineClasses {
    /// 2...8
    static let counts = 2...8

    /// How many classes there are.
    let count: Int
    /// The class of each line.
    let classes: [UInt8]
    /// How many weights a line has.
    let length: Int

    init(count: Int, classes: [UInt8], length: Int) {
        self.count = count
        self.classes = classes
        self.length = length
    }

    /// Groups the lines of `weights` by 1-D k-means over the logarithms of their numbers of nonzeros,
    /// in integers, so that the same weights give the same classes everywhere. `nil` if all lines
    /// are alike.
    init?(_ weights: ScannedWeights, count: Int) {
        let densities = weights.nonzerosOfLines.map(logarithm)
        guard let least = densities.min(), let most = densities.max(), least < most else {
            return nil
        }
        var centers = (0..<count).map { least + (most - least) * $0 / (count - 1) }
        var classes = [UInt8](repeating: 0, count: densities.count)
        for _ in 0..<20 {
            var sums = [Int](repeating: 0, count: count)
            var members = [Int](repeating: 0, count: count)
            for (line, density) in densities.enumerated() {
                let nearest = centers.indices.min {
                    abs(centers[$0] - density) < abs(centers[$1] - density)
                }!
                classes[line] = UInt8(nearest)
                sums[nearest] += density
                members[nearest] += 1
            }
            for i in 0..<count where members[i] > 0 { centers[i] = sums[i] / members[i] }
        }
        self.init(count: count, classes: classes, length: weights.lineLength)
    }

    /// The class of the line in which `position` lies; of the last line for the end.
    @inline(__always)
    func of(_ position: Int) -> Int {
        Int(classes[min(position / length, classes.count &- 1)])
    }

    /// From each line's class to the next one's, modulo `count`; the first from 0.
    private var steps: [Int] {
        zip(classes, [0] + classes).map { (Int($0) - Int($1) + count) % count }
    }

    func write(to sink: inout some BitSink) {
        var frequencies = [Int](repeating: 0, count: count)
        for step in steps { frequencies[step] += 1 }
        let code = PrefixCode(frequencies: frequencies)
        sink.bits(count - 2, 3)
        CodeLengthTable.smallest(code, period: 0).form.write(code, period: 0, to: &sink)
        let codes = code.codes
        for step in steps { sink.bits(Int(codes[step]), Int(code.lengths[step])) }
    }

    static func read(
        lines: Int, length: Int, from reader: inout BitReader, budget: inout MemoryBudget
    ) throws(ContainerError) -> LineClasses {
        let count = try reader.field("number of line classes", 3, in: 0...6) + 2
        let code = try CodeLengthTable.read(
            "line code", alphabet: count, period: 0, from: &reader, budget: &budget)
        try budget.charge(lines, reader.section, "line classes")
        let decoder = PrefixDecoder(code)
        var classes: [UInt8] = []
        classes.reserveCapacity(lines)
        var last = 0
        for _ in 0..<lines {
            last = (last + decoder.read(&reader)) % count
            classes.append(UInt8(last))
        }
        try reader.require(0, "line classes")
        return LineClasses(count: count, classes: classes, length: length)
    }
}

/// `16 · log2(2 · value + 1)`, linear within octaves.
private func logarithm(_ value: Int) -> Int {
    let x = 2 * value + 1
    let exponent = width(x) - 1
    return exponent << 4 + (x << 4) >> exponent - 16
}

extension ScannedWeights {
    var lines: Int { order == .rowMajor ? outputs : inner }
    var lineLength: Int { order == .rowMajor ? inner : outputs }

    fileprivate var nonzerosOfLines: [Int] {
        var result = [Int](repeating: 0, count: lines)
        var next = 0
        for gap in gaps {
            next += Int(gap)
            result[next / lineLength] += 1
            next += 1
        }
        return result
    }
}
