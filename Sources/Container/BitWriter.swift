/// Where bit fields go: into bytes, or only into a count, so that one function both measures and
/// writes.
package protocol BitSink {
    /// The low `count` bits of `value`, the most significant first; `count` is 0...32.
    mutating func bits(_ value: Int, _ count: Int)
}

extension BitSink {
    /// `value >> parameter` ones, a zero, and the low `parameter` bits (Rice 1979).
    package mutating func rice(_ value: Int, _ parameter: Int) {
        var ones = value >> parameter
        while ones >= 32 {
            bits(0xFFFF_FFFF, 32)
            ones -= 32
        }
        bits((1 << (ones + 1)) - 2, ones + 1)
        bits(value & ((1 << parameter) - 1), parameter)
    }
}

/// Counts bits.
package struct BitCounter: BitSink {
    package private(set) var count = 0

    package init() {}

    package mutating func bits(_ value: Int, _ count: Int) {
        self.count += count
    }
}

/// Packs bits into bytes: the first bit is the most significant one of the first byte.
package struct BitWriter: BitSink {
    private(set) var bytes: [UInt8] = []
    /// The last `pending` bits written that do not fill 32 yet, in the low bits.
    private var buffer: UInt64 = 0
    private var pending = 0

    package init(capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    package mutating func bits(_ value: Int, _ count: Int) {
        buffer = buffer << UInt64(count) | UInt64(value)
        pending += count
        guard pending >= 32 else { return }
        pending -= 32
        let word = UInt32(truncatingIfNeeded: buffer >> UInt64(pending))
        bytes.append(UInt8(truncatingIfNeeded: word >> 24))
        bytes.append(UInt8(truncatingIfNeeded: word >> 16))
        bytes.append(UInt8(truncatingIfNeeded: word >> 8))
        bytes.append(UInt8(truncatingIfNeeded: word))
    }

    /// All bytes, the last one filled up with zero bits.
    package consuming func finished() -> [UInt8] {
        bits(0, (8 - pending % 8) % 8)
        while pending > 0 {
            pending -= 8
            bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt64(pending)))
        }
        return bytes
    }
}

/// The number of bits needed to write `largest`: the smallest `w` with `largest < 2^w`.
func width(_ largest: Int) -> Int {
    Int.bitWidth - largest.leadingZeroBitCount
}
