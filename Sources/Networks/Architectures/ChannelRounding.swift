extension ArchitectureOptions {
    /// `count · width` to a multiple of 8, as the mobile networks have it.
    package func divisible(_ count: Int) -> Int { Self.divisible(Double(count) * exactWidth) }

    /// The nearest multiple of 8, from 8 on, or the next one where that would lose more than 10 %
    /// (`make_divisible` of Sandler et al. 2018's MobileNetV2).
    package static func divisible(_ count: Double) -> Int {
        let rounded = max(8, Int(count + 4) / 8 * 8)
        return Double(rounded) < 0.9 * count ? rounded + 8 : rounded
    }

    /// The number that was written, so that 0.7 of 40 is 28 and not just below it.
    var exactWidth: Double { Double(width.description) ?? Double(width) }
}
