import CFloatKernels
import Tensors
import Testing

/// The instruction sets of this CPU, or those up to `SHRINK_ISA`.
let instructionSets = [cfk_generic, cfk_avx2, cfk_avx512].filter {
    $0.rawValue <= cfk_best_isa().rawValue
}

func name(_ isa: cfk_isa) -> String { String(cString: cfk_isa_name(isa)) }

extension Tensor {
    /// How many floats of a tensor's memory follow its elements here; all are NaN.
    private static let poisonCount = 40

    /// NaN everywhere, and behind the end: what a kernel forgets to write stays NaN, and what it reads
    /// behind an end and uses becomes NaN.
    static func poisoned(_ shape: [Int]) -> Tensor {
        let count = shape.reduce(1, *)
        var tensor = Tensor(shape: [count + poisonCount], repeating: .nan)
        tensor.resize(to: shape)
        return tensor
    }

    /// Uniform in −1..<1.
    static func random(_ shape: [Int], using generator: inout SeededGenerator) -> Tensor {
        var tensor = poisoned(shape)
        for index in 0..<tensor.count { tensor[index] = 2 * generator.uniform() - 1 }
        return tensor
    }

    /// Whether what follows the elements of a poisoned tensor is as it was.
    var hasIntactPoison: Bool {
        withUnsafeElements { elements in
            let end = elements.baseAddress! + elements.count
            return (0..<Self.poisonCount).allSatisfy { end[$0].isNaN }
        }
    }

    /// Bit patterns, so that −0 differs from 0 and NaN equals itself.
    var bits: [UInt32] { elements.map(\.bitPattern) }
}

/// Calls a kernel with pointers to its inputs and a poisoned result.
func run(
    _ inputs: [Tensor], shape: [Int],
    _ kernel: ([UnsafePointer<Float>], UnsafeMutablePointer<Float>) -> Void
) -> Tensor {
    var y = Tensor.poisoned(shape)
    y.withUnsafeMutableElements { y in
        let pointers = inputs.map { $0.withUnsafeElements { UnsafePointer($0.baseAddress!) } }
        withExtendedLifetime(inputs) { kernel(pointers, y.baseAddress!) }
    }
    return y
}

/// Sums in `Double`, with the sums of the magnitudes of their terms.
struct SlowSums {
    var values: [Double]
    var magnitudes: [Double]
    /// The most terms that a sum has.
    var terms: Int

    init(count: Int, terms: Int) {
        values = [Double](repeating: 0, count: count)
        magnitudes = values
        self.terms = terms
    }

    mutating func add(_ term: Double, at index: Int) {
        values[index] += term
        magnitudes[index] += abs(term)
    }

    /// The index that is farthest off for its size, if it is beyond what `terms` products and additions
    /// that each round by at most 2⁻²⁴ can be off in any order (Higham 2002, §3.1).
    func worst(_ found: Tensor) -> Int? {
        let unit = Double(terms + 2) * 0x1p-24
        let elements = found.elements
        let excess = values.indices.map { index in
            let error = abs(Double(elements[index]) - values[index])
            return error.isNaN ? .infinity : error - unit * magnitudes[index]
        }
        return excess.indices.max { excess[$0] < excess[$1] }.flatMap { excess[$0] > 0 ? $0 : nil }
    }
}

/// Reports the worst element of a result that is not the slow one.
func expect(
    _ found: Tensor, is expected: SlowSums, _ what: @autoclosure () -> String,
    _ location: SourceLocation = #_sourceLocation
) {
    guard found.count == expected.values.count else {
        Issue.record(
            "\(what()): \(found.count) instead of \(expected.values.count) elements",
            sourceLocation: location)
        return
    }
    if let index = expected.worst(found) {
        Issue.record(
            "\(what()): [\(index)] is \(found[index]), expected \(expected.values[index])",
            sourceLocation: location)
    }
    if !found.hasIntactPoison {
        Issue.record("\(what()): wrote behind the end", sourceLocation: location)
    }
}

/// Reports the element of a result that is farthest beyond the tolerance of its expected value.
func expect(
    _ found: Tensor, isNear expected: [Double], tolerance: (Double) -> Double,
    _ what: @autoclosure () -> String, _ location: SourceLocation = #_sourceLocation
) {
    let elements = found.elements
    guard elements.count == expected.count else {
        Issue.record(
            "\(what()): \(elements.count) instead of \(expected.count) elements",
            sourceLocation: location)
        return
    }
    var worst: (index: Int, excess: Double)?
    for (index, value) in expected.enumerated() {
        let error = abs(Double(elements[index]) - value)
        let excess = error.isNaN ? .infinity : error - tolerance(value)
        if excess > worst?.excess ?? 0 { worst = (index, excess) }
    }
    if let index = worst?.index {
        Issue.record(
            "\(what()): [\(index)] is \(elements[index]), expected \(expected[index])",
            sourceLocation: location)
    }
    if !found.hasIntactPoison {
        Issue.record("\(what()): wrote behind the end", sourceLocation: location)
    }
}
