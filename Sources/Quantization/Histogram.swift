import Tensors

/// Counts of values in bins of one width on both sides of zero, filled batch by batch.
///
/// The width is the smallest power of two for which the largest magnitude so far has a bin. When it
/// doubles, bins are added in pairs. So memory is constant, division by the width is exact, and
/// neither the order of the values nor how they are cut into batches matters.
public struct Histogram: Sendable, Equatable {
    /// Bins on each side of zero; from half of them on are in use.
    public static let size = 4096

    /// The lower edge of bin `k` lies at `k · binWidth` from zero.
    public private(set) var binWidth = Float.leastNormalMagnitude
    /// `[size]`: of zero and of positive values, from zero up.
    public private(set) var positive = [Int](repeating: 0, count: size)
    /// `[size]`: of negative values, from zero down.
    public private(set) var negative = [Int](repeating: 0, count: size)

    public init() {}

    /// Of magnitudes.
    public var magnitudes: [Int] { zip(positive, negative).map { $0 + $1 } }

    /// Counts the finite ones among some values.
    public mutating func add(_ values: UnsafeBufferPointer<Float>) {
        var peak: Float = 0
        for value in values where abs(value) < .infinity { peak = max(peak, abs(value)) }
        while peak >= Float(Self.size) * binWidth { doubleWidth(for: peak) }
        let binsPerUnit = 1 / binWidth
        positive.withUnsafeMutableBufferPointer { positive in
            negative.withUnsafeMutableBufferPointer { negative in
                for value in values where abs(value) < .infinity {
                    let bin = Int(abs(value) * binsPerUnit)
                    if value < 0 { negative[bin] += 1 } else { positive[bin] += 1 }
                }
            }
        }
    }

    /// Doubles the width, or takes the one that a first value needs.
    private mutating func doubleWidth(for peak: Float) {
        binWidth *= 2
        let isEmpty = !positive.contains { $0 > 0 } && !negative.contains { $0 > 0 }
        if isEmpty {
            binWidth = max(binWidth, (peak / Float(Self.size)).binade)
        } else {
            positive = Self.pairs(of: positive)
            negative = Self.pairs(of: negative)
        }
    }

    private static func pairs(of bins: [Int]) -> [Int] {
        bins.indices.map { 2 * $0 < size ? bins[2 * $0] + bins[2 * $0 + 1] : 0 }
    }
}
