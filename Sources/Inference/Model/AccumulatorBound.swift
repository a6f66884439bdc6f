import PackedModel

/// The largest magnitude that an accumulator of the layer can reach, partial sums in any order included.
///
/// Kernels add bytes `q − lowest`, which go up to `2^bits − 1`; the interpreter adds codes, which are
/// not larger. So `Σ |level| · (2^bits − 1)` bounds both.
func accumulatorBound(
    of weights: SparseRows, reading input: PackedQuantizer, at place: EngineError.Place
) throws(EngineError) -> Int {
    var largest = 0
    for output in 0..<weights.outputs {
        let bound = weights.magnitude(of: output) * Int(input.highest - input.lowest)
        guard bound <= Int(Int32.max) else {
            throw .accumulator(place, output: output, bound: bound, limit: Int(Int32.max))
        }
        largest = max(largest, bound)
    }
    return largest
}
