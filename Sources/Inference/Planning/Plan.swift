/// What an engine decided when it was made: for people and for `shrink inspect`.
public struct Plan: Sendable, Equatable {
    /// How a layer with weights is run.
    public struct Layer: Sendable, Equatable {
        /// Which node it is, counted from 0, and its name, which others may have, too.
        public var node: Int
        public var name: String
        /// The kernel for one sample, such as `u8_c4_spmv__scalar`.
        public var kernel: String
        /// How this kernel's weights are laid out.
        public var layout: String
        /// The kernel for blocks of a batch; `nil` if blocks are not used.
        public var blockKernel: String?
        /// Packed weights of the kernel for one sample, in bytes.
        public var packedBytes: Int
        /// Of that for blocks. Where it differs from the one for a sample, its weights are packed when
        /// the first block runs.
        public var blockKernelBytes: Int?
        public var weights: Int
        public var nonzeros: Int
        /// Places of the output image: how often each weight is used for a sample.
        public var positions: Int
        /// What an accumulator can reach, in magnitude.
        public var accumulatorBound: Int
        /// For one sample: of the nonzero weights if the kernel for one sample is sparse, else of all.
        public var multiplyAdds: Int
        /// For one sample alone, from the costs of the kernels: good for choices, not for promises.
        public var estimatedNanoseconds: Double
    }

    /// The variant of the kernels.
    public var instructionSet: String
    public var layers: [Layer]
    /// Samples that a batch runs side by side, in all layers or in the last ones, which have a
    /// ``Layer/blockKernel``: 64, or 1 if that took too much memory or never paid.
    public var blockSize: Int
    /// From so many samples on, a block costs less than they do one by one.
    public var leastInBlock: Int
    /// Memory of one running thread, in bytes.
    public var arenaBytes: Int

    /// Whether so many of `count` samples run side by side, in some layers at least.
    public func runsInBlocks(_ count: Int) -> Bool {
        blockSize > 1 && count >= leastInBlock
    }
}

extension Plan: CustomStringConvertible {
    public var description: String {
        let head = [
            "layer", "kernel", "block kernel", "packed B", "nonzeros", "weights", "bound", "madds",
        ]
        let rows = layers.map {
            [
                $0.name, $0.kernel, $0.blockKernel ?? "-", "\($0.packedBytes)", "\($0.nonzeros)",
                "\($0.weights)", "\($0.accumulatorBound)", "\($0.multiplyAdds)",
            ]
        }
        let table = [head] + rows
        let widths = head.indices.map { column in table.map { $0[column].count }.max()! }
        let lines = table.map { row in
            row.indices.map { pad(row[$0], to: widths[$0], left: $0 > 2) }.joined(separator: "  ")
        }
        let blocks = blockSize > 1 ? "blocks of \(leastInBlock) to \(blockSize)" : "no blocks"
        let summary = "\(instructionSet); \(blocks); arena \(arenaBytes) B a thread"
        return (lines + [summary]).joined(separator: "\n")
    }

    private func pad(_ text: String, to width: Int, left: Bool) -> String {
        let space = String(repeating: " ", count: width - text.count)
        return left ? space + text : text + space
    }
}
