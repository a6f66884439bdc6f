import CFloatKernels
import Tensors
import Testing

/// All lengths around vectors, and one with a long tail.
private let counts = Array(0...40) + [64, 257]

private func run(
    _ inputs: [Tensor], count: Int,
    _ kernel: ([UnsafePointer<Float>], UnsafeMutablePointer<Float>) -> Void
) -> Tensor { run(inputs, shape: [count], kernel) }

@Test(arguments: instructionSets.map(\.rawValue))
func `elementwise kernels are exact for all lengths`(isa: UInt32) {
    let isa = cfk_isa(rawValue: isa)
    for count in counts {
        var generator = SeededGenerator(seed: UInt64(count))
        var a = Tensor.random([count], using: &generator)
        let b = Tensor.random([count], using: &generator)
        let mask = (0..<count).map { _ in
            UInt8([0, 1, 128, 255].randomElement(using: &generator)!)
        }
        if count > 1 { a[1] = -0.0 }
        let n = Int64(count)
        let (x, y) = (a.elements, b.elements)
        let product = run([a, b], count: count) { cfk_multiply(isa, $0[0], $0[1], $1, n) }
        #expect(product.elements == zip(x, y).map { $0 * $1 }, "\(count)")
        let masked = run([a], count: count) { cfk_mask(isa, $0[0], mask, $1, n) }
        #expect(masked.elements == zip(x, mask).map { $1 != 0 ? $0 : 0 }, "\(count)")
        let sum = run([a, b], count: count) { inputs, target in
            target.update(from: inputs[1], count: count)
            cfk_add(isa, inputs[0], target, n)
        }
        #expect(sum.elements == zip(x, y).map { $0 + $1 }, "\(count)")
        for result in [product, masked, sum] {
            #expect(result.hasIntactPoison, "\(count)")
        }
    }
}

@Test(arguments: [Float.nan, .infinity, -.infinity, -0.0])
func `a masked value is exactly zero, whatever stood there`(value: Float) {
    for isa in instructionSets {
        let x = Tensor(shape: [33], repeating: value)
        let y = run([x], count: 33) {
            cfk_mask(isa, $0[0], [UInt8](repeating: 0, count: 33), $1, 33)
        }
        #expect(y.bits == [UInt32](repeating: 0, count: 33), "\(name(isa))")
    }
}

@Test(arguments: [1, 3, 16, 17, 65], [1, 2, 97])
func `column sums are those of slow loops`(columns: Int, rows: Int) {
    var generator = SeededGenerator(seed: UInt64(columns))
    let x = Tensor.random([rows, columns], using: &generator)
    var slow = SlowSums(count: columns, terms: rows)
    for (index, value) in x.elements.enumerated() { slow.add(Double(value), at: index % columns) }
    for isa in instructionSets {
        let sums = run([x], count: columns) {
            cfk_column_sums(isa, $0[0], Int64(rows), Int64(columns), $1)
        }
        expect(sums, is: slow, "\(name(isa))")
    }
}

@Test(arguments: [1, 15, 16, 17, 33], [1, 2, 16, 31])
func `a transposed matrix has rows for columns, on any thread count`(rows: Int, columns: Int) {
    let batch = 3
    let x = Tensor(
        shape: [batch, rows, columns], elements: (0..<batch * rows * columns).map { Float($0) })
    for threads in 1...2 {
        var y = Tensor.poisoned([batch, columns, rows])
        y.assignTransposed(x, rows: rows, columns: columns, threads: threads)
        for n in 0..<batch {
            for r in 0..<rows {
                for c in 0..<columns {
                    let (from, to) = ((n * rows + r) * columns + c, (n * columns + c) * rows + r)
                    #expect(y[to] == x[from])
                }
            }
        }
        #expect(y.hasIntactPoison)
    }
}

@Test func `tensors are combined element by element`() {
    let a = Tensor(shape: [2, 2], elements: [1, -2, 0, 4])
    let b = Tensor(shape: [2, 2], elements: [5, 6, 7, -8])
    var y = Tensor.poisoned([2, 2])
    y.assignProduct(a, b)
    #expect(y.elements == [5, -12, 0, -32])
    y.add(a)
    #expect(y.elements == [6, -14, 0, -28])
    y.assign(b)
    #expect(y.elements == [5, 6, 7, -8])
    y.assign(b, where: [1, 0, 0, 255])
    #expect(y.elements == [5, 0, 0, -8])
    let before = y
    y.clear(whereZero: [0, 0, 255, 1])
    #expect(y.elements == [0, 0, 0, -8])
    #expect(before.elements == [5, 0, 0, -8], "a copy keeps its elements")
}
