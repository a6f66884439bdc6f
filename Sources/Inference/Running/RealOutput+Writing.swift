extension RealOutput {
    /// Outputs that are computed together before they go to their samples.
    private static let outputsTogether = 16

    /// Writes the outputs of one sample.
    /// - Parameters:
    ///   - sums: `[outputs]`, to which `corrections` are added first.
    ///   - logits: `[outputs]`
    func write(
        _ sums: UnsafePointer<Int32>, corrections: [Int32], to logits: UnsafeMutablePointer<Float>
    ) {
        factors.withUnsafeBufferPointer { factors in
            constants.withUnsafeBufferPointer { constants in
                corrections.withUnsafeBufferPointer { corrections in
                    for output in 0..<corrections.count {
                        let product = Double(sums[output] &+ corrections[output]) * factors[output]
                        logits[output] = Float(product + constants[output])
                    }
                }
            }
        }
        activate(logits, count: corrections.count)
    }

    /// Writes some outputs of `lanes` samples.
    ///
    /// Samples lie whole pages apart in `logits`, so that one output of all of them after the other would
    /// find no line of it in the cache again: a layer of 4096 outputs took half as long again. So some
    /// outputs are put down first, and then go to each sample together.
    /// - Parameters:
    ///   - sums: of output 0: `[outputs, stride]`, the samples of an output next to each other.
    ///   - logits: `[lanes, corrections.count]`
    func write(
        _ outputs: Range<Int>, _ sums: UnsafePointer<Int32>, stride: Int, corrections: [Int32],
        lanes: Int, to logits: UnsafeMutablePointer<Float>
    ) {
        let together = Self.outputsTogether
        withUnsafeTemporaryAllocation(of: Float.self, capacity: together * lanes) { values in
            let values = values.baseAddress!
            var first = outputs.lowerBound
            while first < outputs.upperBound {
                let count = min(together, outputs.upperBound - first)
                for place in 0..<count {
                    let output = first + place
                    let (factor, constant) = (factors[output], constants[output])
                    let (row, correction) = (sums + output * stride, corrections[output])
                    let value = values + place * lanes
                    for lane in 0..<lanes {
                        value[lane] = Float(Double(row[lane] &+ correction) * factor + constant)
                    }
                }
                activate(values, count: count * lanes)
                for lane in 0..<lanes {
                    let sample = logits + lane * corrections.count + first
                    for place in 0..<count { sample[place] = values[place * lanes + lane] }
                }
                first += count
            }
        }
    }

    private func activate(_ values: UnsafeMutablePointer<Float>, count: Int) {
        if activation == .identity { return }
        for index in 0..<count { values[index] = activation.value(values[index]) }
    }
}
