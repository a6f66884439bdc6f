import PackedModel

/// Files that hold one entropy-coded network each. `Format.md` describes them.
public enum Container {
    /// What every file begins with.
    public static var magic: [UInt8] { Header.magic }

    /// Writes a model. The same model and options give the same bytes.
    ///
    /// - Returns: the file, and where its bytes are.
    /// - Throws: what `Container.validate` throws for a model that could not be read back; `unknownLayer`;
    ///   `outOfRange` for index bits other than 1...8.
    public static func write(
        _ model: PackedModel, options: EncodingOptions = EncodingOptions()
    ) throws(ContainerError) -> (bytes: [UInt8], summary: ContainerSummary) {
        try validate(model)
        try options.validate(model)
        let metadata = MetadataWriter(model)
        var file = FileWriter(version: metadata.version)
        let packed = options.usesZstd ? Zstd.shorter(metadata.bytes) : nil
        let metadataBytes = file.append(
            .metadata, [packed == nil ? 0 : 1] + (packed ?? metadata.bytes))

        var tensors: [TensorSummary] = []
        for node in model.nodes {
            guard let layer = node.operation.layer else { continue }
            let biasBytes = metadata.biasBytes[tensors.count]
            tensors.append(append(layer.weights, node.name, biasBytes, options, to: &file))
        }
        let summary = ContainerSummary(
            fileBytes: file.bytes.count, headerBytes: Header.size, metadataBytes: metadataBytes,
            metadataUsesZstd: packed != nil, tensors: tensors)
        return (file.bytes, summary)
    }

    /// Appends the section of one tensor and describes it.
    private static func append(
        _ tensor: PackedTensor, _ name: String, _ biasBytes: Int, _ options: EncodingOptions,
        to file: inout FileWriter
    ) -> TensorSummary {
        let choice = TensorChoice(tensor, name: name, options: options)
        let body = TensorWriter.body(
            choice.plan, values: choice.values, weights: choice.statistics.weights)
        let packed = options.usesZstd ? Zstd.shorter(body) : nil
        let form =
            UInt8(choice.plan.coding.number) | (choice.plan.order == .columnMajor ? 8 : 0)
            | (packed == nil ? 0 : 16) | (choice.values.areHalves ? 32 : 0)
        let bytes = file.append(.tensor, [form] + (packed ?? body))
        return TensorSummary(
            name: name, shape: tensor.shape, plan: choice.plan, values: choice.values,
            statistics: choice.statistics,
            bytes: bytes, storedBody: (packed ?? body).count, usesZstd: packed != nil,
            biasBytes: biasBytes,
            candidates: choice.candidates)
    }

    /// Reads a file.
    ///
    /// The model has passed `validate`: the engine can trust it.
    ///
    /// - Parameter memoryLimit: the bytes that may be allocated for the model; 64 MiB and 64 times the
    ///   size of the file if `nil`.
    /// - Parameter threads: that read tensors at the same time, at least 1.
    /// - Throws: any `ContainerError` but `unknownLayer`. Damage by chance is `notAContainer`,
    ///   `unsupportedVersion`, `truncated`, `wrongSection`, `wrongChecksum`, `overlongNumber` or
    ///   `trailingBytes`.
    public static func read(
        _ bytes: [UInt8], memoryLimit: Int? = nil, threads: Int = 1
    ) throws(ContainerError) -> PackedModel {
        try decode(bytes, memoryLimit, threads: threads) { _ in }.model
    }

    /// Reads a file and says where its bytes are.
    ///
    /// - Throws: as `read`.
    public static func inspect(
        _ bytes: [UInt8], memoryLimit: Int? = nil
    ) throws(ContainerError) -> ContainerSummary {
        var tensors: [TensorSummary] = []
        let file = try decode(bytes, memoryLimit, threads: 1) { tensors.append($0.summary) }
        for index in tensors.indices { tensors[index].biasBytes = file.biasBytes[index] }
        return ContainerSummary(
            fileBytes: bytes.count, headerBytes: Header.size, metadataBytes: file.metadataBytes,
            metadataUsesZstd: file.metadataUsesZstd, tensors: tensors)
    }

    /// How many bytes `write` would write.
    ///
    /// - Throws: as `write`.
    public static func encodedSize(
        _ model: PackedModel, options: EncodingOptions = EncodingOptions()
    ) throws(ContainerError) -> Int {
        try write(model, options: options).bytes.count
    }
}

extension EncodingOptions {
    fileprivate func validate(_ model: PackedModel) throws(ContainerError) {
        let layers = model.nodes.filter { $0.operation.layer != nil }.map(\.name)
        for name in modes.keys.sorted() where !layers.contains(name) {
            throw .unknownLayer(found: name, known: layers)
        }
        for case .deepCompression(let bits) in Array(modes.values) + [mode].compactMap({ $0 })
        where !(1...8).contains(bits) {
            throw .outOfRange(section: .header, field: "index bits", found: bits, expected: 1...8)
        }
    }
}
