import Inference
import Testing

@Suite struct RowOrderTests {
    @Test(arguments: [0, 2]) func `neighbours with equal numbers of steps follow each other`(
        differingSize: Int
    ) {
        func steps(_ output: Int) -> [Int] {
            var steps = [5, 5, 5]
            steps[differingSize] = output % 3
            return steps
        }
        let order = RowOrder.sorted(outputs: 40, groups: 1, isLate: { _ in false }, steps: steps)
        for first in stride(from: 0, to: 40, by: RowOrder.neighbours) {
            let outputs = first..<min(first + RowOrder.neighbours, 40)
            let rows = order[outputs]
            #expect(Set(rows) == Set(outputs))
            let ends = zip(rows, rows.dropFirst()).count { steps($0) != steps($1) }
            #expect(ends == 2, "three kinds of rows")
        }
    }

    @Test func `late outputs come last in their group, whatever their steps`() {
        // Groups of 20, which is no multiple of the neighbours.
        let order = RowOrder.sorted(
            outputs: 60, groups: 3, isLate: { $0.isMultiple(of: 5) }, steps: { [60 - $0] })
        #expect(order.map { $0 / 20 } == (0..<60).map { $0 / 20 })
        for group in 0..<3 {
            let rows = order[20 * group..<20 * (group + 1)]
            #expect(rows.suffix(4).allSatisfy { $0.isMultiple(of: 5) })
            #expect(Set(rows) == Set(20 * group..<20 * (group + 1)))
        }
        #expect(order[..<16].elementsEqual((0..<20).reversed().filter { $0 % 5 != 0 }))
    }

    @Test func `a group of one output stays where it is`() {
        let order = RowOrder.sorted(
            outputs: 5, groups: 5, isLate: { $0 == 0 }, steps: { [-$0] })
        #expect(order == [0, 1, 2, 3, 4])
    }
}
