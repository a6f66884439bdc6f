import PackedModel

/// The nonzero weights of a layer in plain coordinates, output by output.
///
/// A column is the place of a weight inside its output: the input of a linear layer, and
/// `(channel, y, x)` of a convolution's kernel in row-major order.
package struct SparseRows: Sendable, Equatable {
    /// Weights an output, zeros included.
    let columnCount: Int
    /// `[outputs + 1]`: where the nonzeros of each output start.
    private(set) var starts: [Int]
    /// Ascending inside an output.
    private(set) var columns: [UInt32] = []
    private(set) var levels: [Int8] = []

    var outputs: Int { starts.count - 1 }
    package var nonzeros: Int { columns.count }

    /// Spreads out gaps and codes; the product of `tensor.shape` has been checked.
    package init(_ tensor: PackedTensor, at place: EngineError.Place) throws(EngineError) {
        try Self.check(tensor, at: place)
        let (count, table) = (tensor.count, tensor.levels)
        columnCount = count / tensor.shape[0]
        starts = [0]
        var columns = [UInt32](repeating: 0, count: tensor.codes.count)
        var levels = [Int8](repeating: 0, count: tensor.codes.count)
        var columnList = columns.mutableSpan
        var levelList = levels.mutableSpan
        var position = -1
        var endOfRow = columnCount
        for i in tensor.codes.indices {
            let code = Int(tensor.codes[i])
            position += Int(tensor.gaps[i]) + 1
            guard position < count else {
                throw .weightPosition(place, found: position, count: count)
            }
            guard (1..<table.count).contains(code) else {
                throw .value(place, of: "a weight's code", found: Double(code))
            }
            while position >= endOfRow {
                starts.append(i)
                endOfRow += columnCount
            }
            columnList[i] = UInt32(position - (endOfRow - columnCount))
            levelList[i] = table[code]
        }
        while starts.count <= tensor.shape[0] { starts.append(tensor.codes.count) }
        self.columns = columns
        self.levels = levels
    }

    /// No outputs yet, of so many weights each.
    init(columnCount: Int) {
        self.columnCount = columnCount
        starts = [0]
    }

    /// Appends a nonzero to the output that comes next, behind all others of it.
    mutating func append(column: UInt32, level: Int8) {
        columns.append(column)
        levels.append(level)
    }

    mutating func endOutput() { starts.append(columns.count) }

    private static func check(
        _ tensor: PackedTensor, at place: EngineError.Place
    ) throws(EngineError) {
        guard (1...256).contains(tensor.levels.count) else {
            throw .count(place, of: "levels", found: tensor.levels.count, expected: [1, 256])
        }
        guard tensor.levels[0] == 0 else {
            throw .value(place, of: "level 0", found: Double(tensor.levels[0]))
        }
        guard tensor.gaps.count == tensor.codes.count else {
            throw .count(
                place, of: "codes", found: tensor.codes.count, expected: [tensor.gaps.count])
        }
    }

    /// The levels that occur, and 0, ascending.
    var distinctLevels: [Int8] {
        var occurs = [Bool](repeating: false, count: 256)
        occurs[128] = true
        for level in levels { occurs[Int(level) + 128] = true }
        return occurs.indices.filter { occurs[$0] }.map { Int8($0 - 128) }
    }

    /// `Σ level` of an output.
    func sum(of output: Int) -> Int {
        levels[starts[output]..<starts[output + 1]].reduce(0) { $0 + Int($1) }
    }

    /// `Σ |level|` of an output.
    func magnitude(of output: Int) -> Int {
        levels[starts[output]..<starts[output + 1]].reduce(0) { $0 + Int($1.magnitude) }
    }

    /// The larger one of the sums of positive and of negative levels, in magnitude, over all outputs:
    /// times the largest byte it bounds every sum of products, though not the partial ones.
    var largestSum: Int {
        (0..<outputs).map { output in
            let magnitude = magnitude(of: output)
            return (magnitude + abs(sum(of: output))) / 2
        }.max() ?? 0
    }

    /// The nonzeros of an output in some columns.
    func range(of columns: Range<UInt32>, in output: Int) -> Range<Int> {
        let row = starts[output]..<starts[output + 1]
        return firstIndex(
            in: row, from: columns.lowerBound)..<firstIndex(in: row, from: columns.upperBound)
    }

    /// The first of ascending columns that is not less than `column`, by halving.
    private func firstIndex(in row: Range<Int>, from column: UInt32) -> Int {
        var (low, high) = (row.lowerBound, row.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if columns[middle] < column { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// How often some nonzeros have each level, -128...127.
    func histogram(of nonzeros: Range<Int>) -> [Int] {
        var counts = [Int](repeating: 0, count: 256)
        for i in nonzeros { counts[Int(levels[i]) + 128] += 1 }
        return counts
    }

    /// Nonzeros by level, those of one level by column, both ascending.
    func sortedByLevel(_ nonzeros: Range<Int>) -> [(column: UInt32, level: Int8)] {
        var next = histogram(of: nonzeros)
        var total = 0
        for level in next.indices { (next[level], total) = (total, total + next[level]) }
        var sorted = [(column: UInt32, level: Int8)](repeating: (0, 0), count: total)
        for i in nonzeros {
            let level = Int(levels[i]) + 128
            sorted[next[level]] = (columns[i], levels[i])
            next[level] += 1
        }
        return sorted
    }
}
