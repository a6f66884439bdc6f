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

    /// `Σ level` of an output.
    func sum(of output: Int) -> Int {
        levels[starts[output]..<starts[output + 1]].reduce(0) { $0 + Int($1) }
    }

    /// `Σ |level|` of an output.
    func magnitude(of output: Int) -> Int {
        levels[starts[output]..<starts[output + 1]].reduce(0) { $0 + Int($1.magnitude) }
    }

    /// How often an output has each level, -128...127.
    func histogram(of output: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: 256)
        for i in starts[output]..<starts[output + 1] { counts[Int(levels[i]) + 128] += 1 }
        return counts
    }

    /// The nonzeros of an output by level, those of one level by column, both ascending.
    func sortedByLevel(_ output: Int) -> [(column: UInt32, level: Int8)] {
        var next = histogram(of: output)
        var total = 0
        for level in next.indices { (next[level], total) = (total, total + next[level]) }
        var sorted = [(column: UInt32, level: Int8)](repeating: (0, 0), count: total)
        for i in starts[output]..<starts[output + 1] {
            let level = Int(levels[i]) + 128
            sorted[next[level]] = (columns[i], levels[i])
            next[level] += 1
        }
        return sorted
    }
}
