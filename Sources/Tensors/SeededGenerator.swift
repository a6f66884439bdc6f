import Foundation

/// xoshiro256** seeded by splitmix64 (Blackman & Vigna 2018): the same numbers on every machine,
/// but for normal ones, which take logarithm and cosine from the system's library.
public struct SeededGenerator: RandomNumberGenerator, Sendable, Equatable {
    /// The four words of state; a checkpoint keeps them to go on where it stopped.
    public private(set) var state: (UInt64, UInt64, UInt64, UInt64)

    public init(seed: UInt64) {
        var mixer = seed
        func next() -> UInt64 {
            mixer &+= 0x9E37_79B9_7F4A_7C15
            var z = mixer
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        state = (next(), next(), next(), next())
    }

    /// A generator of its own for a purpose: independent streams from one seed.
    public init(seed: UInt64, stream: UInt64) {
        self.init(seed: seed &* 0xD134_2543_DE82_EF95 &+ stream)
    }

    public mutating func next() -> UInt64 {
        let result = rotate(state.1 &* 5, by: 7) &* 9
        let t = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= t
        state.3 = rotate(state.3, by: 45)
        return result
    }

    /// Uniform in `0..<1`, a multiple of 2⁻²⁴.
    public mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

    /// Standard normal (Box & Muller 1958, one of the pair).
    public mutating func normal() -> Float {
        let radius = (-2 * log(1 - Double(next() >> 11) * 0x1p-53)).squareRoot()
        return Float(radius * cos(2 * .pi * Double(next() >> 11) * 0x1p-53))
    }

    /// Both of a pair of independent standard normal numbers; `normal()` would give the first.
    public mutating func normalPair() -> (Float, Float) {
        let radius = (-2 * log(1 - Double(next() >> 11) * 0x1p-53)).squareRoot()
        let angle = 2 * .pi * Double(next() >> 11) * 0x1p-53
        return (Float(radius * cos(angle)), Float(radius * sin(angle)))
    }

    private func rotate(_ x: UInt64, by k: UInt64) -> UInt64 { (x << k) | (x >> (64 - k)) }

    public static func == (left: Self, right: Self) -> Bool { left.state == right.state }
}
