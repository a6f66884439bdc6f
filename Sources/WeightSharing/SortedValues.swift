import Tensors

/// The nonzero elements of a tensor in ascending order, with sums over any run of them.
///
/// A hundred million take about 2 s on one core, of which the sort is more than half.
struct SortedValues {
    /// Prefix sums are kept for every 64th value; the rest of a sum is added up when asked for.
    private static let spacing = 64

    let values: [Float]
    /// `prefix[i]` is the sum of the first `64 · i` values.
    private var prefix: [Double] = [0]

    init(nonzeroOf tensor: Tensor) {
        var keys = tensor.withUnsafeElements { elements in
            [UInt32](unsafeUninitializedCapacity: elements.count) { keys, count in
                for element in elements where element != 0 {
                    keys[count] = Self.key(of: element)
                    count += 1
                }
            }
        }
        Self.radixSort(&keys)
        values = keys.map(Self.float(of:))
        var sum = 0.0
        for (index, value) in values.enumerated() {
            sum += Double(value)
            if index % Self.spacing == Self.spacing - 1 { prefix.append(sum) }
        }
    }

    var count: Int { values.count }

    /// The sum of a run of values.
    func sum(_ range: Range<Int>) -> Double {
        sum(upTo: range.upperBound) - sum(upTo: range.lowerBound)
    }

    private func sum(upTo end: Int) -> Double {
        let block = end / Self.spacing
        var sum = prefix[block]
        for index in block * Self.spacing..<end { sum += Double(values[index]) }
        return sum
    }

    /// How many values are at most `limit`, found by bisection.
    func count(upTo limit: Double) -> Int {
        var (low, high) = (0, values.count)
        while low < high {
            let middle = (low + high) / 2
            if Double(values[middle]) <= limit { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The distinct values, or nil if there are more than `limit`.
    func distinct(limit: Int) -> [Float]? {
        var distinct: [Float] = []
        for value in values where value != distinct.last {
            if distinct.count == limit { return nil }
            distinct.append(value)
        }
        return distinct
    }

    /// An integer that is ordered like the float: negative ones have all bits flipped, others the sign.
    static func key(of value: Float) -> UInt32 {
        let bits = value.bitPattern
        return bits >> 31 == 1 ? ~bits : bits | 0x8000_0000
    }

    private static func float(of key: UInt32) -> Float {
        Float(bitPattern: key >> 31 == 1 ? key & 0x7FFF_FFFF : ~key)
    }

    /// Least significant digit first, three digits of 11 bits.
    private static func radixSort(_ keys: inout [UInt32]) {
        var other = [UInt32](unsafeUninitializedCapacity: keys.count) { $1 = keys.count }
        for shift: UInt32 in [0, 11, 22] {
            keys.withUnsafeBufferPointer { keys in
                other.withUnsafeMutableBufferPointer { other in
                    distribute(keys, into: other, byDigitAt: shift)
                }
            }
            swap(&keys, &other)
        }
    }

    /// Orders keys by one digit, and leaves equal digits in their order.
    private static func distribute(
        _ keys: UnsafeBufferPointer<UInt32>, into other: UnsafeMutableBufferPointer<UInt32>,
        byDigitAt shift: UInt32
    ) {
        withUnsafeTemporaryAllocation(of: Int.self, capacity: 1 << 11) { places in
            places.initialize(repeating: 0)
            for key in keys { places[Int(key >> shift & 0x7FF)] &+= 1 }
            var start = 0
            for digit in places.indices {
                (places[digit], start) = (start, start + places[digit])
            }
            for key in keys {
                let digit = Int(key >> shift & 0x7FF)
                other[places[digit]] = key
                places[digit] &+= 1
            }
        }
    }
}
