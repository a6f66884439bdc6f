extension StageReport {
    /// The bytes that are in no layer: names, shapes, scales, biases, headers.
    var bytesOutsideLayers: Int { bytes.stored - layers.reduce(0) { $0 + $1.bytes } }

    /// A row for each layer with the columns of Han, Mao and Dally 2016, tables 2 and 3.
    ///
    /// Every byte of the file is in a row. The total's rate is that of the whole file, `1 / ratio`.
    var layerTable: TextTable {
        var table = TextTable([
            .words("layer"), .numbers("weights"), .numbers("density %"), .numbers("weight bits"),
            .numbers("coded"), .numbers("index bits"), .numbers("coded"), .numbers("rate %"),
            .words("coding"), .numbers("bytes"), .numbers("× bound"),
        ])
        for layer in layers { table.append(layer.cells) }
        var rest = Array(repeating: NumberText.none, count: table.columns.count)
        rest[0] = "graph, scales, biases"
        rest[9] = NumberText.grouped(bytesOutsideLayers)
        table.append(rest)
        table.close(withTotal: totalCells)
        return table
    }

    /// What the columns of `layerTable` are.
    static let layerLegend = [
        "weight bits: of a code; the 'coded' behind it: what a stored weight's code takes in the file",
        "index bits: of a position, where they are fixed; the 'coded' behind it: what a position takes",
        "joint: code and position are one symbol, which takes so many bits",
        "rate %: bytes against 4 a weight",
        "× bound: bytes against the order-0 entropy of codes and positions; a coding that uses how "
            + "nonzeros cluster can be below 1",
    ]

    private var totalCells: [String] {
        let weights = layers.reduce(0) { $0 + $1.weights }
        let nonzero = layers.reduce(0) { $0 + $1.nonzero }
        let jointBits = average { $0.jointBitsCoded }
        let bounds = layers.compactMap(\.entropyBoundBytes)
        let bound = bounds.count == layers.count ? bounds.reduce(0, +) : nil
        return [
            "total", NumberText.grouped(weights),
            NumberText.percent(Double(nonzero) / Double(max(weights, 1))),
            average { Double($0.weightBits) }.map(NumberText.bits) ?? NumberText.none,
            codedText(joint: jointBits, alone: average { $0.weightBitsCoded }),
            average { $0.indexBits.map(Double.init) }.map(NumberText.bits) ?? NumberText.none,
            codedText(joint: nil, alone: average { $0.indexBitsCoded }),
            NumberText.percent(Double(bytes.stored) / Double(max(bytes.float32, 1))),
            NumberText.none, NumberText.grouped(bytes.stored),
            boundText(bytes: bytes.stored, bound: bound),
        ]
    }

    /// `Σ nonzero · bits / Σ nonzero`; `nil` unless each layer with nonzeros has a value.
    private func average(_ bits: (Layer) -> Double?) -> Double? {
        var sum = 0.0
        var nonzero = 0
        for layer in layers where layer.nonzero > 0 {
            guard let bits = bits(layer) else { return nil }
            sum += Double(layer.nonzero) * bits
            nonzero += layer.nonzero
        }
        return nonzero > 0 ? sum / Double(nonzero) : nil
    }
}

extension StageReport.Layer {
    /// Bytes against floats: `bytes / (4 · weights)`.
    var rate: Double { Double(bytes) / Double(4 * max(weights, 1)) }

    fileprivate var cells: [String] {
        [
            name, NumberText.grouped(weights), NumberText.percent(density), String(weightBits),
            codedText(joint: jointBitsCoded, alone: weightBitsCoded),
            indexBits.map { String($0) } ?? NumberText.none,
            codedText(joint: nil, alone: indexBitsCoded), NumberText.percent(rate),
            coding ?? NumberText.none, NumberText.grouped(bytes),
            boundText(bytes: bytes, bound: entropyBoundBytes),
        ]
    }
}

/// `4.4`, or `6.1 joint` where weights and positions share their bits.
private func codedText(joint: Double?, alone: Double?) -> String {
    if let joint { return NumberText.decimals(joint, 1) + " joint" }
    return alone.map { NumberText.decimals($0, 1) } ?? NumberText.none
}

/// Bytes as a multiple of the entropy bound: `1.04`.
private func boundText(bytes: Int, bound: Int?) -> String {
    guard let bound, bound > 0 else { return NumberText.none }
    return NumberText.decimals(Double(bytes) / Double(bound), 2)
}
