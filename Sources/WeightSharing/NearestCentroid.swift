import Tensors

/// Finds the code of a weight: how many limits lie below it, plus 1; 0 for a zero.
///
/// Floats are compared as integers of the same order. A table tells for the upper 16 bits of such a
/// key how many limits lie below every key that begins so; few limits are left to compare, and the
/// processor guesses well how many.
struct NearestCentroid {
    /// Ascending, then one that no key exceeds.
    private let limits: [UInt32]
    /// `[65536]`
    private let starts: [UInt8]

    /// - Parameter middles: the limits between neighbouring centroids, ascending, at most 254. A
    ///   value on a limit belongs to the lower centroid.
    init(middles: [Double]) {
        precondition(middles.count <= 254, "\(middles.count) limits do not fit into bytes")
        // Values are floats, so limits may be rounded down to floats.
        let limits = middles.map { middle -> UInt32 in
            let rounded = Float(middle)
            return SortedValues.key(of: Double(rounded) > middle ? rounded.nextDown : rounded)
        }
        self.limits = limits + [.max]
        var below = 0
        starts = (0..<1 << 16).map { upper in
            while below < limits.count && limits[below] < upper << 16 { below += 1 }
            return UInt8(below)
        }
    }

    func codes(of tensor: Tensor) -> [UInt8] {
        tensor.withUnsafeElements { elements in
            limits.withUnsafeBufferPointer { limits in
                starts.withUnsafeBufferPointer { starts in
                    elements.map { value in
                        if value == 0 { return 0 }
                        let key = SortedValues.key(of: value)
                        var below = Int(starts[Int(key >> 16)])
                        while key > limits[below] { below += 1 }
                        return UInt8(truncatingIfNeeded: below + 1)
                    }
                }
            }
        }
    }
}
