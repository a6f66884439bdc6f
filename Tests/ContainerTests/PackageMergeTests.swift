import Container
import Testing

/// The smallest `Σ frequency · length` over all complete codes of at most `limit` bits, by trying
/// all length vectors.
private func bruteForceCost(_ frequencies: [Int], limit: Int) -> Int {
    func best(_ index: Int, _ space: Int) -> Int? {
        if index == frequencies.count { return 0 }
        return (1...limit).compactMap { length in
            let taken = 1 << (limit - length)
            guard taken <= space else { return nil }
            return best(index + 1, space - taken).map { $0 + frequencies[index] * length }
        }.min()
    }
    return best(0, 1 << limit)!
}

/// The cost of an unlimited Huffman code: the sum of all merged weights (Huffman 1952).
private func huffmanCost(_ frequencies: [Int]) -> Int {
    var weights = frequencies.filter { $0 > 0 }.sorted()
    var cost = 0
    while weights.count > 1 {
        let merged = weights[0] + weights[1]
        cost += merged
        weights.removeFirst(2)
        weights.insert(merged, at: weights.firstIndex { $0 >= merged } ?? weights.count)
    }
    return cost
}

private func cost(_ frequencies: [Int], _ lengths: [UInt8]) -> Int {
    zip(frequencies, lengths).reduce(0) { $0 + $1.0 * Int($1.1) }
}

struct PackageMergeTests {
    @Test(arguments: 0..<30 as Range<UInt64>)
    func `no code within the limit is shorter`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for count in 2...6 {
            let frequencies = (0..<count).map { _ in
                1 << Int.random(in: 0...8, using: &generator)
                    + Int.random(in: 0...3, using: &generator)
            }
            for limit in 3...5 {
                let lengths = limitedCodeLengths(frequencies, limit: limit)
                #expect(lengths.allSatisfy { $0 <= limit })
                #expect(
                    cost(frequencies, lengths) == bruteForceCost(frequencies, limit: limit),
                    "\(frequencies), limit \(limit)")
            }
        }
    }

    @Test(arguments: [2, 3, 5, 16, 100, 1000])
    func `a limit that is not reached changes nothing`(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let frequencies = (0..<count).map { _ in Int.random(in: 0...50, using: &generator) }
        let lengths = limitedCodeLengths(frequencies, limit: 30)
        #expect(cost(frequencies, lengths) == huffmanCost(frequencies))
    }

    @Test func `Fibonacci frequencies are cut at the limit and fill the code`() {
        var frequencies = [1, 1]
        while frequencies.count < 40 { frequencies.append(frequencies.suffix(2).reduce(0, +)) }
        let lengths = limitedCodeLengths(frequencies, limit: 15)
        #expect(lengths.max() == 15)
        #expect(lengths.reduce(0) { $0 + 1 << (15 - Int($1)) } == 1 << 15)
    }

    @Test func `one symbol and none have codes without bits`() {
        #expect(limitedCodeLengths([0, 7, 0], limit: 15) == [0, 0, 0])
        #expect(limitedCodeLengths([0, 0], limit: 15) == [0, 0])
        #expect(PrefixCode(frequencies: [0, 7, 0]).single == 1)
        #expect(PrefixCode(frequencies: [0, 0]).single == nil)
    }
}
