/// A published result that a pipeline can be compared with.
struct LiteratureAnchor: Sendable {
    /// What a published ratio compares.
    enum RatioKind: String, Sendable {
        case bytes
        /// Indices, codebooks and headers are not counted.
        case weights = "number of weights"
    }

    let network: String
    let method: String
    /// Test error in percent before compression, as the source writes it.
    var errorBefore: String?
    let errorAfter: String
    let ratio: String
    let kind: RatioKind
    var size: String?
    let source: String

    /// On MNIST, as the papers state them.
    static let all = [
        LiteratureAnchor(
            network: "LeNet-300-100", method: "Deep Compression", errorBefore: "1.64",
            errorAfter: "1.58", ratio: "40×", kind: .bytes, size: "27 KB",
            source: "Han, Mao and Dally 2016, Table 1, arXiv:1510.00149"),
        LiteratureAnchor(
            network: "LeNet-300-100", method: "Dynamic Network Surgery", errorBefore: "2.28",
            errorAfter: "1.99", ratio: "56×", kind: .weights,
            source: "Guo et al. 2016, arXiv:1608.04493"),
        LiteratureAnchor(
            network: "LeNet-300-100", method: "Soft weight-sharing", errorBefore: "1.89",
            errorAfter: "1.94", ratio: "64×", kind: .bytes,
            source: "Ullrich et al. 2017, Table 1, arXiv:1702.04008"),
        LiteratureAnchor(
            network: "LeNet-300-100", method: "Sparse variational dropout", errorBefore: "1.64",
            errorAfter: "1.92", ratio: "68×", kind: .weights,
            source: "Molchanov et al. 2017, arXiv:1701.05369"),
        LiteratureAnchor(
            network: "LeNet-300-100", method: "Entropy-penalized reparameterization",
            errorBefore: "1.6", errorAfter: "1.9", ratio: "124×", kind: .bytes, size: "8.56 KB",
            source: "Oktay et al. 2020, arXiv:1906.06624"),
        LiteratureAnchor(
            network: "LeNet-5", method: "Deep Compression", errorBefore: "0.80",
            errorAfter: "0.74", ratio: "39×", kind: .bytes, size: "44 KB",
            source: "Han, Mao and Dally 2016, Table 1, arXiv:1510.00149"),
        LiteratureAnchor(
            network: "LeNet-5", method: "Soft weight-sharing", errorBefore: "0.88",
            errorAfter: "0.97", ratio: "162×", kind: .bytes, size: "10.4 KB",
            source: "Ullrich et al. 2017, Table 1, arXiv:1702.04008"),
        LiteratureAnchor(
            network: "LeNet-5", method: "Sparse variational dropout", errorBefore: "0.80",
            errorAfter: "0.75", ratio: "280×", kind: .weights,
            source: "Molchanov et al. 2017, arXiv:1701.05369"),
        LiteratureAnchor(
            network: "LeNet-5", method: "Entropy-penalized reparameterization",
            errorBefore: "0.7", errorAfter: "1.0", ratio: "606×", kind: .bytes, size: "2.84 KB",
            source: "Oktay et al. 2020, arXiv:1906.06624"),
        LiteratureAnchor(
            network: "LeNet-5", method: "MIRACLE", errorBefore: "0.7", errorAfter: "0.69",
            ratio: "555×", kind: .bytes, size: "3.03 KB",
            source: "Havasi et al. 2019, arXiv:1810.00440"),
    ]

    static var table: TextTable {
        var table = TextTable([
            .words("network"), .words("method"), .numbers("test error %"), .numbers("ratio"),
            .words("ratio of"), .numbers("size"), .words("source"),
        ])
        for anchor in all {
            table.append([
                anchor.network, anchor.method,
                "\(anchor.errorBefore ?? NumberText.none) → \(anchor.errorAfter)", anchor.ratio,
                anchor.kind.rawValue, anchor.size ?? NumberText.none, anchor.source,
            ])
        }
        return table
    }
}
