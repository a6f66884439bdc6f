import Tensors

/// Selects the elements of largest magnitude in O(n), without sorting or copying them.
///
/// The bits of a magnitude, read as an integer, are ordered like the magnitude. A count of their
/// upper 16 bits finds the bin of the smallest selected one, a count of the lower 15 bits within that
/// bin finds its exact value.
enum LargestSelection {
    /// Marks with 1 the `count` elements of largest magnitude over all tensors together. Among equal
    /// magnitudes those go first that stand first, in the first tensor, so the count is exact.
    static func marks(_ count: Int, of tensors: [Tensor]) -> [[UInt8]] {
        let total = tensors.reduce(0) { $0 + $1.count }
        precondition((0...total).contains(count), "\(count) of \(total) elements")
        guard count > 0 else { return tensors.map { [UInt8](repeating: 0, count: $0.count) } }
        let (threshold, ties) = smallest(of: count, in: tensors)
        var remaining = ties
        return tensors.map { mark($0, threshold: threshold, ties: &remaining) }
    }

    /// The key of the `count`-th largest magnitude, and how many of that very key are selected.
    private static func smallest(of count: Int, in tensors: [Tensor]) -> (key: UInt32, ties: Int) {
        var upper = [Int](repeating: 0, count: 1 << 16)
        forEachKey(tensors) { upper[Int($0 >> 15)] += 1 }
        let (high, rest) = bin(holding: count, in: upper)
        var lower = [Int](repeating: 0, count: 1 << 15)
        forEachKey(tensors) { if Int($0 >> 15) == high { lower[Int($0 & 0x7FFF)] += 1 } }
        let (low, ties) = bin(holding: rest, in: lower)
        return (UInt32(high << 15 | low), ties)
    }

    /// The bin in which the `count`-th element from above lies, and its place within that bin.
    private static func bin(holding count: Int, in bins: [Int]) -> (bin: Int, place: Int) {
        var place = count
        for bin in bins.indices.reversed() {
            if place <= bins[bin] { return (bin, place) }
            place -= bins[bin]
        }
        preconditionFailure("\(count) is more than there are elements")
    }

    private static func mark(
        _ tensor: Tensor, threshold: UInt32, ties: inout Int
    ) -> [UInt8] {
        tensor.withUnsafeElements { elements in
            elements.map { element in
                let key = key(of: element)
                if key != threshold { return key > threshold ? 1 : 0 }
                ties -= 1
                return ties >= 0 ? 1 : 0
            }
        }
    }

    private static func forEachKey(_ tensors: [Tensor], _ body: (UInt32) -> Void) {
        for tensor in tensors {
            tensor.withUnsafeElements { elements in
                for element in elements { body(key(of: element)) }
            }
        }
    }

    /// Ordered like the magnitude; below 2³¹.
    private static func key(of element: Float) -> UInt32 { element.magnitude.bitPattern }
}
