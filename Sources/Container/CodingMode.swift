/// How the positions and codes of a tensor's nonzero weights become bits.
public enum CodingMode: Sendable, Hashable {
    /// A code of fixed width for every weight, zeros included.
    case raw
    /// Gap and code of fixed width for each nonzero.
    case packed
    /// Gaps of 1...8 bits with filler zeros, one Huffman code for gaps and one for codes
    /// (Han, Mao and Dally 2016, §2).
    case deepCompression(indexBits: Int)
    /// Gap classes with extra bits, one Huffman code for classes and one for codes.
    case gapClasses
    /// One Huffman code for pairs of gap class and code.
    case joint
    /// `gapClasses` or `joint` with a code for each of 2...8 classes of lines, grouped by density.
    case lineClasses
    /// Rice codes without any table, for tiny tensors.
    case rice

    /// Those that an encoder tries.
    static let all: [CodingMode] = [
        .raw, .packed, .deepCompression(indexBits: 5), .deepCompression(indexBits: 8), .gapClasses,
        .joint, .lineClasses, .rice,
    ]
}

extension CodingMode: CustomStringConvertible, LosslessStringConvertible, Codable {
    /// `raw`, `packed`, `deep-compression-5`, `gap-classes`, `joint`, `line-classes` or
    /// `rice`.
    public var description: String {
        switch self {
        case .raw: "raw"
        case .packed: "packed"
        case .deepCompression(let bits): "deep-compression-\(bits)"
        case .gapClasses: "gap-classes"
        case .joint: "joint"
        case .lineClasses: "line-classes"
        case .rice: "rice"
        }
    }

    public init?(_ description: String) {
        let all = CodingMode.all + (1...8).map { .deepCompression(indexBits: $0) }
        guard let mode = all.first(where: { $0.description == description }) else { return nil }
        self = mode
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let mode = CodingMode(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "no coding mode is called \(text)")
        }
        self = mode
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The order in which a tensor's weights are scanned.
public enum ScanOrder: String, Codable, Sendable, CaseIterable {
    /// All weights of an output, then those of the next.
    case rowMajor = "row-major"
    /// The weights of all outputs for the first input, then those for the next.
    case columnMajor = "column-major"
}

/// What an encoder is told. By default it tries everything and keeps the smallest.
public struct EncodingOptions: Sendable, Equatable {
    /// The mode of all tensors, or `nil` for the smallest of each.
    public var mode: CodingMode?
    /// Modes of layers by name; they take precedence over `mode`.
    public var modes: [String: CodingMode]
    /// The order of all tensors, or `nil` for the smaller one of each.
    public var scanOrder: ScanOrder?
    /// Whether Zstandard is used where it makes something smaller.
    public var usesZstd: Bool

    public init(
        mode: CodingMode? = nil, modes: [String: CodingMode] = [:], scanOrder: ScanOrder? = nil,
        usesZstd: Bool = true
    ) {
        self.mode = mode
        self.modes = modes
        self.scanOrder = scanOrder
        self.usesZstd = usesZstd
    }
}
