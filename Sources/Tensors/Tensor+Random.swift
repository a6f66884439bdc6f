extension Tensor {
    /// Normally distributed values around zero. They depend on the seed alone: each chunk of 65,536 has
    /// a stream of its own, whatever thread it runs on.
    public mutating func fill(withDeviation deviation: Float, seed: UInt64, threads: Int) {
        let (size, count) = (1 << 16, count)
        withUnsafeMutableElements { elements in
            nonisolated(unsafe) let elements = elements
            parallel(chunks: (count + size - 1) / size, threads: threads) { chunk in
                var generator = SeededGenerator(seed: seed, stream: UInt64(chunk))
                let range = range(ofChunk: chunk, size: size, count: count)
                for index in stride(from: range.lowerBound, to: range.upperBound, by: 2) {
                    let pair = generator.normalPair()
                    elements[index] = pair.0 * deviation
                    if index + 1 < range.upperBound { elements[index + 1] = pair.1 * deviation }
                }
            }
        }
    }
}
