import Foundation
import Tensors

extension Tensor {
    /// Magnitudes divided by what each weight takes in a file, to the power of `exponent`, so that of two
    /// weights of the same magnitude the one that is cheaper to store stays.
    ///
    /// A position is the cheaper the more weights of the same row and column are left. With `R` nonzeros
    /// in the weight's row (its output), `C` in its column (its input), and `N` in all,
    ///
    ///     bits = 2.5 + log₂(N / (R · C))
    ///
    /// of which the second part, at least 0, is what an entropy coder takes that knows how dense each row
    /// and each column is and nothing else, and the first is a code's. An exponent of 0.5 keeps the most
    /// energy a bit; 0 is the magnitude alone. Rows and columns that have few weights lose these first,
    /// until whole units and inputs are without any, and what is left stands in fewer and denser lines.
    ///
    /// - Parameters:
    ///   - exponent: not negative.
    ///   - weights: of this shape, outputs last; those that are not zero count for `R`, `C` and `N`.
    public func magnitudes(perBitTo exponent: Float, of weights: Tensor) -> Tensor {
        precondition(exponent >= 0 && shape == weights.shape, "\(shape) for \(weights.shape)")
        let lines = LineCounts(weights)
        let outputs = lines.outputs.count
        return withUnsafeElements { elements in
            var scores = [Float](repeating: 0, count: elements.count)
            for (input, inputBits) in lines.inputs.enumerated() {
                for (output, outputBits) in lines.outputs.enumerated() {
                    let index = input * outputs + output
                    guard elements[index] != 0 else { continue }
                    let bits = 2.5 + max(lines.total - inputBits - outputBits, 0)
                    scores[index] = elements[index].magnitude * exp2(-exponent * log2(bits))
                }
            }
            return Tensor(shape: shape, elements: scores)
        }
    }
}

/// The binary logarithms of the numbers of nonzeros of rows and columns; a line without any counts as
/// half a weight.
private struct LineCounts {
    private(set) var outputs: [Float]
    private(set) var inputs: [Float]
    let total: Float

    init(_ weights: Tensor) {
        let count = weights.shape.last ?? 1
        var outputs = [Int](repeating: 0, count: count)
        var inputs = [Int](repeating: 0, count: weights.count / max(count, 1))
        weights.withUnsafeElements { elements in
            for input in inputs.indices {
                for output in 0..<count where elements[input * count + output] != 0 {
                    outputs[output] += 1
                    inputs[input] += 1
                }
            }
        }
        func logarithm(_ count: Int) -> Float { log2(max(Float(count), 0.5)) }
        total = logarithm(outputs.reduce(0, +))
        self.outputs = outputs.map(logarithm)
        self.inputs = inputs.map(logarithm)
    }
}
