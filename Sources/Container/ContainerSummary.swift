/// Where the bytes of a file are: `headerBytes + metadataBytes + Σ tensors.bytes = fileBytes`.
public struct ContainerSummary: Codable, Sendable, Equatable {
    public var fileBytes: Int
    /// Magic and version.
    public var headerBytes: Int
    /// The whole metadata section: graph, names, scales, quantizers, biases.
    public var metadataBytes: Int
    public var metadataUsesZstd: Bool
    /// One for each layer, in the order of nodes.
    public var tensors: [TensorSummary]
}

/// Where the bytes of a tensor section are.
public struct TensorSummary: Codable, Sendable, Equatable {
    /// The layer's name.
    public var name: String
    public var shape: [Int]
    public var mode: CodingMode
    public var scanOrder: ScanOrder
    public var usesZstd: Bool
    /// The whole section, `framingBytes` and the body as it is stored.
    public var bytes: Int
    /// Kind, length, form and checksum.
    public var framingBytes: Int
    /// The body before Zstandard: the sum of `parts`, in whole bytes.
    public var bodyBytes: Int
    public var parts: BodyParts
    /// The bytes of this layer's bias codes in the metadata section, before Zstandard.
    public var biasBytes: Int

    /// How many weights there are, zeros included.
    public var weights: Int
    public var nonzeros: Int
    /// Filler zeros of the Deep Compression coding.
    public var fillers: Int
    /// Whether weights are halves, not levels.
    public var isHalf: Bool
    /// How many levels or shared halves there are, zero included; 2 where each nonzero weight has a half
    /// of its own.
    public var levels: Int
    /// The stored bits of the whole section for each nonzero weight; `nil` without any.
    public var bitsPerNonzero: Double?
    /// Average bits of a code for each stored entry (a nonzero or a filler; a weight in `raw`); `nil`
    /// without entries and where symbols stand for gap and code together.
    public var weightBitsCoded: Double?
    /// Average bits of a gap for each stored entry; `nil` as `weightBitsCoded`.
    public var indexBitsCoded: Double?
    /// `nnz · H(code) + n · h(density)` in whole bytes, rounded up: what no code can beat that treats
    /// weights as independent and knows their frequencies. `H` and `h` are entropies in bits. For halves
    /// that are not shared, `H` is that of the upper and of the lower byte together.
    public var entropyBoundBytes: Int
    /// What else was tried, without Zstandard; empty in a summary made from a file.
    public var candidates: [CodingCandidate]
}

/// The bits of each part of a tensor section's body.
public struct BodyParts: Codable, Sendable, Equatable {
    public var levelBits: Int
    /// The number of nonzeros.
    public var countBits: Int
    /// Parameters and code lengths.
    public var tableBits: Int
    public var gapBits: Int
    /// With those of halves.
    public var codeBits: Int
    /// Symbols for gap class and code together; the extra bits of gaps are in `gapBits`.
    public var pairBits: Int
    /// Zeros up to a whole byte.
    public var paddingBits: Int
}

/// A coding that an encoder tried.
public struct CodingCandidate: Codable, Sendable, Equatable {
    public var mode: CodingMode
    public var scanOrder: ScanOrder
    /// Of the whole section.
    public var bytes: Int
}
