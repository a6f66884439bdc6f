/// How often each pair of gap class and code occurs.
struct PairHistogram {
    /// Number of nonzero levels.
    let symbols: Int
    /// How many weights the tensor has.
    private let count: Int
    /// The scheme of the classes in `pairs`.
    private let scheme: GapScheme
    /// `[gap class, code − 1]`
    private var pairs: [Int]

    /// An empty histogram, for the classes of `scheme` or any that are unions of them.
    init(symbols: Int, count: Int, scheme: GapScheme = .finest) {
        self.symbols = symbols
        self.count = count
        self.scheme = scheme
        pairs = [Int](repeating: 0, count: scheme.classes(count) * symbols)
    }

    @inline(__always)
    mutating func add(_ gap: Int, _ code: UInt8) {
        pairs[scheme.classIndex(gap) * symbols + Int(code) - 1] += 1
    }

    /// Whether the classes of `coarse` are unions of those that were counted.
    func covers(_ coarse: GapScheme) -> Bool {
        coarse == scheme
            || scheme == .finest && coarse.direct <= scheme.direct
                && coarse.mantissa <= scheme.mantissa
    }

    /// `[class, code − 1]` for the classes of `coarse`, which has to be covered.
    func pairs(_ coarse: GapScheme) -> [Int] {
        if coarse == scheme { return pairs }
        var sums = [Int](repeating: 0, count: coarse.classes(count) * symbols)
        for fine in 0..<scheme.classes(count) {
            let row = coarse.classIndex(scheme.first(fine)) * symbols
            for code in 0..<symbols { sums[row + code] += pairs[fine * symbols + code] }
        }
        return sums
    }

    /// How often each class of `coarse` occurs, which has to be covered.
    func gaps(_ coarse: GapScheme) -> [Int] {
        let pairs = pairs(coarse)
        return (0..<pairs.count / max(symbols, 1)).map { index in
            pairs[index * symbols..<(index + 1) * symbols].reduce(0, +)
        }
    }

    /// How often each code − 1 occurs.
    var codes: [Int] {
        (0..<symbols).map { code in
            stride(from: code, to: pairs.count, by: symbols).reduce(0) { $0 + pairs[$1] }
        }
    }
}

extension GapScheme {
    /// The extra bits of gaps whose classes occur as often as `histogram` says.
    func extraBits(_ histogram: [Int]) -> Int {
        histogram.indices.reduce(0) { $0 + histogram[$1] * extraBits($1) }
    }
}
