import PackedModel

/// The nonzero weights of a tensor in the order in which they stand in a file.
struct ScannedWeights {
    var order: ScanOrder
    /// `[outputs, inner]` is the tensor seen as a matrix.
    var outputs: Int
    var inner: Int
    /// How many zeros stand before each nonzero, in `order`.
    var gaps: [UInt32]
    var codes: [UInt8]
    /// The half of each nonzero, where each has one of its own.
    var halves: [UInt16]

    /// How many weights there are, zeros included.
    var count: Int { outputs * inner }

    init(_ tensor: PackedTensor, codes: [UInt8], halves: [UInt16] = []) {
        order = .rowMajor
        outputs = tensor.shape[0]
        inner = tensor.count / outputs
        gaps = tensor.gaps
        self.codes = codes
        self.halves = halves
    }

    init(order: ScanOrder, outputs: Int, inner: Int, gaps: [UInt32], codes: [UInt8]) {
        self.order = order
        self.outputs = outputs
        self.inner = inner
        self.gaps = gaps
        self.codes = codes
        halves = []
    }

    /// The same weights in `newOrder`.
    func reordered(_ newOrder: ScanOrder) -> ScannedWeights {
        guard newOrder != order else { return self }
        let (lines, length) = order == .rowMajor ? (outputs, inner) : (inner, outputs)
        var result = self
        result.order = newOrder
        (result.gaps, result.codes, result.halves) = transposed(lines: lines, length: length)
        return result
    }

    /// Gaps, codes and halves after exchanging the lines of the scan with their elements: a counting sort
    /// of the nonzeros by element, which keeps the order of lines. Costs O(nonzeros + length).
    private func transposed(lines: Int, length: Int) -> ([UInt32], [UInt8], [UInt16]) {
        var next = [Int](repeating: 0, count: length + 1)
        var scan = Scan(length: length)
        for gap in gaps { next[scan.step(over: Int(gap)) + 1] += 1 }
        for element in 0..<length { next[element + 1] += next[element] }

        var sortedLines = [UInt32](repeating: 0, count: gaps.count)
        var sortedCodes = [UInt8](repeating: 0, count: gaps.count)
        var sortedHalves = [UInt16](repeating: 0, count: halves.count)
        scan = Scan(length: length)
        for (index, (gap, code)) in zip(gaps, codes).enumerated() {
            let element = scan.step(over: Int(gap))
            let slot = next[element]
            next[element] = slot + 1
            sortedLines[slot] = UInt32(scan.line)
            sortedCodes[slot] = code
            if !halves.isEmpty { sortedHalves[slot] = halves[index] }
        }

        // `next[element]` is now the end of the nonzeros of `element`; lines become gaps in place.
        var free = 0
        var slot = 0
        for element in 0..<length {
            while slot < next[element] {
                let position = element * lines + Int(sortedLines[slot])
                sortedLines[slot] = UInt32(position - free)
                free = position + 1
                slot += 1
            }
        }
        return (sortedLines, sortedCodes, sortedHalves)
    }
}

/// Follows a scan from nonzero to nonzero, in lines of `length` weights.
private struct Scan {
    let length: Int
    var line = 0
    /// The element of the line that comes next; `length` for the end of the line.
    private var next = 0

    init(length: Int) {
        self.length = length
    }

    /// Goes to the weight behind `gap` zeros and returns its place in its `line`.
    @inline(__always)
    mutating func step(over gap: Int) -> Int {
        var element = next + gap
        if element >= length {
            if element < 2 * length {
                line += 1
                element -= length
            } else {
                line += element / length
                element %= length
            }
        }
        next = element + 1
        return element
    }
}
