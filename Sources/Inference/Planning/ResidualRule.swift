import CIntegerKernels

/// A rule for the sum of two bytes, `(a · m₀ + b · m₁ + c) >> shift` with multipliers of 16 bits and all
/// else of 32, which for all bytes that can come gives what the exact rule gives. With it a layer
/// adds to its own bytes before anybody reads them (`cik_residual`); of bytes up to 15 there is a table of
/// all sums, too.
///
/// Each pair of bytes allows a range of constants, and there is one in all of them or there is none:
/// then multipliers beside the rounded ones are tried.
package struct ResidualRule: Sendable {
    package let multipliers: [Int16]
    package let constant: Int32
    package let shift: Int32
    private let bytes: ClosedRange<Int32>
    /// By the number of the input that the layer makes; empty where bytes may exceed 15.
    private let tables: [AlignedBuffer]

    /// - Parameters:
    ///   - constant: with the half of the rounding.
    ///   - bytes: what results are cut to.
    ///   - highest: the largest byte of each of two inputs.
    /// - Returns: `nil` if there is no such rule.
    package init?(
        multipliers: [Int64], constant: Int64, shift: Int64, bytes: ClosedRange<Int32>,
        highest: [Int64]
    ) {
        guard multipliers.count == 2, highest.allSatisfy({ $0 <= 255 }) else {
            return nil
        }
        // Bits to leave out so that multipliers fit 16 bits and sums 32.
        let largest = multipliers.lazy.map(\.magnitude).max()!
        let sum = zip(multipliers, highest).reduce(constant.magnitude) {
            $0 + $1.0.magnitude * $1.1.magnitude
        }
        var cut: Int64 = 0
        while largest >> UInt64(cut) >= Int16.max - 2 || sum >> UInt64(cut) >= Int32.max / 2 {
            cut += 1
        }
        // Kernels shift numbers of 32 bits.
        guard (1..<32).contains(shift - cut) else { return nil }
        let rounded = multipliers.map { cut == 0 ? $0 : ($0 + 1 << (cut - 1)) >> cut }
        for step in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)] {
            let candidate = [rounded[0] + Int64(step.0), rounded[1] + Int64(step.1)]
            var (least, most) = (-Int64(Int32.max / 2), Int64(Int32.max / 2))
            for a in 0...highest[0] {
                for b in 0...highest[1] {
                    let exact = (a * multipliers[0] + b * multipliers[1] + constant) >> shift
                    let sum = a * candidate[0] + b * candidate[1]
                    if exact > bytes.lowerBound {
                        let byte = min(exact, Int64(bytes.upperBound))
                        least = max(least, byte << (shift - cut) - sum)
                    }
                    if exact < bytes.upperBound {
                        let byte = max(exact, Int64(bytes.lowerBound))
                        most = min(most, (byte + 1) << (shift - cut) - sum - 1)
                    }
                }
                if least > most { break }
            }
            if least <= most {
                self.multipliers = candidate.map(Int16.init)
                self.constant = Int32(least + (most - least) / 2)
                self.shift = Int32(shift - cut)
                self.bytes = bytes
                tables =
                    highest.allSatisfy { $0 <= 15 }
                    ? [0, 1].map { Self.table(own: $0, multipliers, constant, shift, bytes) } : []
                return
            }
        }
        return nil
    }

    package var hasTables: Bool { !tables.isEmpty }

    /// The bytes of the exact rule for each own byte, and each that is added.
    private static func table(
        own: Int, _ multipliers: [Int64], _ constant: Int64, _ shift: Int64,
        _ bytes: ClosedRange<Int32>
    ) -> AlignedBuffer {
        AlignedBuffer(
            (0..<256).map { (place: Int64) -> UInt8 in
                let sum = place / 16 * multipliers[own] + place % 16 * multipliers[1 - own]
                let byte = (sum + constant) >> shift
                return UInt8(min(max(byte, Int64(bytes.lowerBound)), Int64(bytes.upperBound)))
            })
    }

    /// - Parameters:
    ///   - own: the number of the input that the layer makes.
    ///   - distance: from its bytes to those of the other one.
    package func view(own: Int, distance: Int) -> cik_residual {
        cik_residual(
            distance: distance, multipliers: (multipliers[own], multipliers[1 - own]),
            constant: constant, shift: shift, low: bytes.lowerBound, high: bytes.upperBound,
            table: hasTables ? tables[own].pointer(to: UInt8.self) : nil)
    }
}
