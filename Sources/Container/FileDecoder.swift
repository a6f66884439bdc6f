import PackedModel
import ThreadPool

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
    /// The weights of the body in row-major order.
    var rows: ScannedWeights
    /// The bytes of the whole section.
    var bytes: Int
    /// The bytes of the body as it is stored.
    var storedBody: Int
    var usesZstd: Bool

    /// Where the section's bytes are, without those of biases.
    var summary: TensorSummary {
        let statistics = WeightStatistics(body.weights, symbols: body.values.symbols)
        var plan = TensorPlan(body.coding, body.values, statistics)
        // Another writer may have chosen other forms of tables: what is left is theirs.
        plan.tableBits += body.bits - plan.bodyBits
        return TensorSummary(
            name: name, shape: shape, plan: plan, values: body.values, statistics: statistics,
            bytes: bytes, storedBody: storedBody, usesZstd: usesZstd, biasBytes: 0, candidates: [])
    }
}

/// A tensor section whose checksum is right, before its content is looked at.
private struct TensorSection {
    var node: Int
    var name: String
    var shape: [Int]
    /// The bytes of the whole section.
    var bytes: Int
    var payload: ByteReader
}

/// Reads a file: its sections from top to bottom, then what is in tensor sections on some threads,
/// handing each to `visit` in order.
///
/// Where several sections are wrong, or together over budget, the error is that of the first one.
func decode(
    _ bytes: [UInt8], _ memoryLimit: Int?, threads: Int, visit: (DecodedTensor) -> Void
) throws(ContainerError) -> DecodedFile {
    let limit = memoryLimit ?? 64 << 20 + 64 * bytes.count
    do {
        return try decodeOnce(bytes, limit, threads: threads, visit: visit)
    } catch  where threads > 1 {
        // Which tensor met the end of the budget depends on who came first.
        return try decodeOnce(bytes, limit, threads: 1, visit: visit)
    }
}

private func decodeOnce(
    _ bytes: [UInt8], _ limit: Int, threads: Int, visit: (DecodedTensor) -> Void
) throws(ContainerError) -> DecodedFile {
    var budget = MemoryBudget(limit)
    var file = try FileReader(bytes)
    let start = file.next
    var payload = try file.section(.metadata, .metadata)
    let metadataBytes = file.next - start
    let form = try payload.byte("form")
    guard form < 2 else { throw .reserved(section: .metadata, field: "form", found: form) }
    var metadata = MetadataReader(
        try content(of: payload, isFrame: form == 1, limit: .max, &budget), budget: budget)
    var model = try metadata.model()
    let sections = try tensorSections(of: model, in: &file)
    let pool = ThreadPool(threads: max(min(threads, sections.count), 1))
    let tensors = pool.map(sections.count, cost: { sections[$0].bytes }) { index in
        Result { () throws(ContainerError) in
            try decodeTensor(sections[index], mayBeHalves: model.isFloat, budget)
        }
    }
    for (section, tensor) in zip(sections, tensors) {
        let tensor = try tensor.get()
        visit(tensor)
        model.nodes[section.node].operation.setWeights(of: tensor)
    }
    try Container.validate(model)
    return DecodedFile(
        model: model, metadataBytes: metadataBytes, metadataUsesZstd: form == 1,
        biasBytes: metadata.biasBytes)
}

/// The sections of all layers, which have to be the rest of the file.
private func tensorSections(
    of model: PackedModel, in file: inout FileReader
) throws(ContainerError) -> [TensorSection] {
    var sections: [TensorSection] = []
    var last = FileSection.metadata
    for (index, node) in model.nodes.enumerated() {
        guard let layer = node.operation.layer else { continue }
        let start = file.next
        last = .tensor(node.name)
        let payload = try file.section(.tensor, last)
        sections.append(
            TensorSection(
                node: index, name: node.name, shape: layer.weights.shape,
                bytes: file.next - start, payload: payload))
    }
    try file.finish(last)
    return sections
}

private func decodeTensor(
    _ tensor: TensorSection, mayBeHalves: Bool, _ budget: MemoryBudget
) throws(ContainerError) -> DecodedTensor {
    var budget = budget
    let section = FileSection.tensor(tensor.name)
    let shape = tensor.shape
    var payload = tensor.payload
    let form = try payload.flags("form", reserved: mayBeHalves ? 0b1100_0000 : 0b1110_0000)
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
    let body = try reader.read(number: form & 7, areHalves: form & 32 != 0, budget: &budget)
    if order == .columnMajor {
        // Gaps, codes and halves in the other order.
        let weights = body.weights
        try budget.charge(
            5 * weights.gaps.count + 2 * weights.halves.count, section, "weights in rows")
    }
    return DecodedTensor(
        name: tensor.name, shape: shape, body: body, rows: body.weights.reordered(.rowMajor),
        bytes: tensor.bytes, storedBody: storedBody, usesZstd: form & 16 != 0)
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

extension PackedOperation {
    fileprivate mutating func setWeights(of tensor: DecodedTensor) {
        guard var layer else { return }
        layer.weights.gaps = tensor.rows.gaps
        if case .levels(let levels) = tensor.body.values {
            layer.weights.levels = levels
            layer.weights.codes = tensor.rows.codes
        } else {
            layer.weights.halves = tensor.rows.halves
        }
        self.layer = layer
    }
}
