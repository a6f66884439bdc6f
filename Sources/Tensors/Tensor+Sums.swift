import CFloatKernels

extension Tensor {
    /// `self = f(a + b)`
    public mutating func assignSum(
        _ a: Tensor, _ b: Tensor, _ f: ActivationFunction, threads: Int
    ) {
        precondition(count == a.count && count == b.count)
        let count = count
        withPointers(a, b, &self) { a, b, y in
            parallel(chunks: (count + Self.part - 1) / Self.part, threads: threads) { chunk in
                let part = range(ofChunk: chunk, size: Self.part, count: count)
                let start = part.lowerBound
                cfk_add_activate(
                    bestISA, f.kernel, a + start, b + start, y + start, Int64(part.count))
            }
        }
    }

    /// `gradients[0] = gradients[1] = dy · f′(a + b)`, those that `wants` names. One of them takes the
    /// memory of `dy`, which gets that one's in exchange.
    public static func assignSumGradient(
        _ a: Tensor, _ b: Tensor, _ f: ActivationFunction, gradient dy: inout Tensor,
        into gradients: inout [Tensor], wants: [Bool], threads: Int
    ) {
        let count = dy.count
        guard let taker = wants.firstIndex(of: true) else { return }
        precondition(a.count == count && b.count == count && gradients.count == 2)
        var targets: [UnsafeMutablePointer<Float>?] = []
        for index in 0..<2 {
            precondition(!wants[index] || gradients[index].count == count)
            // The tensors stay where they are and unshared until this function returns.
            targets.append(
                wants[index]
                    ? gradients[index].withUnsafeMutableElements { $0.baseAddress! } : nil)
        }
        swap(&gradients[taker], &dy)
        targets[taker] = gradients[taker].withUnsafeMutableElements { $0.baseAddress! }
        let (first, second, dy) = (targets[0], targets[1], targets[taker]!)
        withPointers(a, b) { a, b in
            parallel(chunks: (count + part - 1) / part, threads: threads) { chunk in
                let part = range(ofChunk: chunk, size: part, count: count)
                let start = part.lowerBound
                cfk_add_activate_gradient(
                    bestISA, f.kernel, a + start, b + start, dy + start, first.map { $0 + start },
                    second.map { $0 + start }, Int64(part.count))
            }
        }
    }
}
