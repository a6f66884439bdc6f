import PackedModel

/// A file that was read: its model and where the bytes of the metadata are.
struct DecodedFile {
    var model: PackedModel
    var metadataBytes: Int
    var metadataUsesZstd: Bool
    var biasBytes: [Int]
}

/// A tensor section that was read.
struct DecodedTensor {
    var name: String
    var shape: [Int]
    var body: TensorBody
    /// The bytes of the whole section.
    var bytes: Int
    /// The bytes of the body as it is stored.
    var storedBody: Int
    var usesZstd: Bool

    /// Where the section's bytes are, without those of biases.
    var summary: TensorSummary {
        let statistics = WeightStatistics(body.weights, symbols: body.levels.count - 1)
        var plan = TensorPlan(body.coding, body.levels, statistics)
        // Another writer may have chosen other forms of tables: what is left is theirs.
        plan.tableBits += body.bits - plan.bodyBits
        return TensorSummary(
            name: name, shape: shape, plan: plan, statistics: statistics, bytes: bytes,
            storedBody: storedBody, usesZstd: usesZstd, biasBytes: 0, candidates: [])
    }
}

/// Reads a file from top to bottom, handing each tensor section to `visit`.
func decode(
    _ bytes: [UInt8], _ memoryLimit: Int?, visit: (DecodedTensor) -> Void
) throws(ContainerError) -> DecodedFile {
    var budget = MemoryBudget(memoryLimit ?? 64 << 20 + 64 * bytes.count)
    var file = try FileReader(bytes)
    let start = file.next
    var payload = try file.section(.metadata, .metadata)
    let metadataBytes = file.next - start
    let form = try payload.byte("form")
    guard form < 2 else { throw .reserved(section: .metadata, field: "form", found: form) }
    var metadata = MetadataReader(
        try content(of: payload, isFrame: form == 1, limit: .max, &budget), budget: budget)
    var model = try metadata.model()
    budget = metadata.remainingBudget

    var last = FileSection.metadata
    for index in model.nodes.indices {
        guard var layer = model.nodes[index].operation.layer else { continue }
        let name = model.nodes[index].name
        last = .tensor(name)
        let tensor = try decodeTensor(layer.weights.shape, name, &file, &budget)
        visit(tensor)
        let rows = tensor.body.weights.reordered(.rowMajor)
        layer.weights.levels = tensor.body.levels
        layer.weights.gaps = rows.gaps
        layer.weights.codes = rows.codes
        model.nodes[index].operation.layer = layer
    }
    try file.finish(last)
    try Container.validate(model)
    return DecodedFile(
        model: model, metadataBytes: metadataBytes, metadataUsesZstd: form == 1,
        biasBytes: metadata.biasBytes)
}

private func decodeTensor(
    _ shape: [Int], _ name: String, _ file: inout FileReader, _ budget: inout MemoryBudget
) throws(ContainerError) -> DecodedTensor {
    let start = file.next
    let section = FileSection.tensor(name)
    var payload = try file.section(.tensor, section)
    let bytes = file.next - start
    let form = try payload.flags("form", reserved: 0b1110_0000)
    let order: ScanOrder = form & 8 == 0 ? .rowMajor : .columnMajor
    if form & 7 > 6 || form & 15 == 8 {
        throw .reserved(section: section, field: "form", found: form)
    }
    let storedBody = payload.remaining
    let count = shape.reduce(1, *)
    let content = try content(
        of: payload, isFrame: form & 16 != 0, limit: Limits.zstdContent(count), &budget)
    let bits = BitReader(
        content.bytes, in: content.next..<content.end, section: section)
    if order == .columnMajor {
        try budget.charge(8 * (count / shape[0] + shape[0]), section, "scan order")
    }
    var reader = TensorReader(bits, order: order, outputs: shape[0], inner: count / shape[0])
    let body = try reader.read(number: form & 7, budget: &budget)
    return DecodedTensor(
        name: name, shape: shape, body: body, bytes: bytes, storedBody: storedBody,
        usesZstd: form & 16 != 0)
}

/// The rest of a payload, out of its Zstandard frame if it is one.
private func content(
    of payload: ByteReader, isFrame: Bool, limit: Int, _ budget: inout MemoryBudget
) throws(ContainerError) -> ByteReader {
    guard isFrame else { return payload }
    let content = try Zstd.content(
        of: payload.bytes, in: payload.next..<payload.end, limit: limit, section: payload.section,
        budget: &budget)
    return ByteReader(content, in: content.indices, section: payload.section)
}
