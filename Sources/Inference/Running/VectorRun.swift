import CIntegerKernels

/// A run of one sample through layers that each read their whole input, as numbers and pointers.
///
/// It computes what a ``ProgramRun`` of the same program does, and counts no references on the way:
/// that took a third of the 1.3 µs of LeNet-300-100.
package final class VectorRun: @unchecked Sendable {
    private struct Step {
        enum Weights {
            case codes(cik_spmv_weights)
            case levels(cik_spmv_weights)
            case dense(cik_gemv_weights)

            init(_ weights: VectorWeights) {
                switch weights {
                case .sparse(let sparse) where sparse.isNarrow: self = .codes(sparse.view)
                case .sparse(let sparse): self = .levels(sparse.view)
                case .dense(let dense): self = .dense(dense.view)
                }
            }
        }

        var weights: Weights
        /// Of bytes, in the arena.
        var from: Int
        /// Where the accumulators go.
        var sums: Int
        /// The last layer has none.
        var bytes: Bytes?
    }

    /// Of a layer that is not the last one.
    private struct Bytes {
        var to: Int
        var rule: EachRule
    }

    private let steps: [Step]
    private let logits: LogitEpilogue
    private let encoding: cik_encoding
    /// Where the bytes of the input go.
    private let input: Int
    private let kernels: UnsafePointer<cik_kernel_set>
    /// What `steps` and `encoding` point into.
    private let pixelTable: AlignedBuffer
    private let layers: [PackedWeights]

    /// - Returns: `nil` for a program in which there is anything else.
    init?(
        _ program: Program, _ layers: [PackedWeights?], input: InputCodes,
        pixelTable: AlignedBuffer?, kernels: KernelSet
    ) {
        guard let pixelTable else { return nil }
        func place(_ buffer: Program.Buffer, _ offset: Int = 0) -> Int {
            program.layout.buffers[buffer].offset + offset
        }
        var (steps, used) = ([Step](), [PackedWeights]())
        for step in program.steps {
            guard case .vector(let node, let from, let sums, let to) = step,
                let layer = layers[node], let weights = layer.vector
            else { return nil }
            var bytes: Bytes?
            if case .bytes(let epilogue) = layer.epilogue, let to {
                bytes = Bytes(to: place(to.buffer, to.offset), rule: epilogue.each)
            }
            steps.append(
                Step(
                    weights: Step.Weights(weights), from: place(from.buffer, from.offset),
                    sums: place(sums), bytes: bytes))
            used.append(layer)
        }
        guard steps.dropLast().allSatisfy({ $0.bytes != nil }) else { return nil }
        guard case .logits(let logits)? = used.last?.epilogue else { return nil }
        self.steps = steps
        self.logits = logits
        self.layers = used
        self.input = place(program.input)
        self.pixelTable = pixelTable
        self.kernels = kernels.pointer
        encoding = cik_encoding(
            channels: input.channels, area: input.area,
            tables: pixelTable.pointer(to: UInt8.self))
    }

    /// Whether all bytes are rounded in floats where the kernels can.
    package var roundsInFloats: Bool {
        steps.dropLast().allSatisfy { $0.bytes?.rule.floatMultipliers != nil }
    }

    /// Runs on the pixels `[channels, height, width]` of one sample.
    func run(
        pixels: UnsafePointer<UInt8>, in arena: UnsafeMutablePointer<UInt8>,
        logits output: UnsafeMutablePointer<Float>
    ) {
        let kernels = kernels
        withUnsafePointer(to: encoding) {
            kernels.pointee.u8_encode($0, pixels, 1, 1, arena + input)
        }
        for step in steps {
            let sums = UnsafeMutableRawPointer(arena + step.sums).assumingMemoryBound(
                to: Int32.self)
            let x = arena + step.from
            switch step.weights {
            case .codes(var weights):
                kernels.pointee.u8_c4_spmv(&weights, 0, weights.slices, x, sums)
            case .levels(var weights):
                kernels.pointee.u8_s8_spmv(&weights, 0, weights.slices, x, sums)
            case .dense(var weights):
                kernels.pointee.u8_s8_gemv(&weights, 0, weights.outputs, x, sums)
            }
            guard let bytes = step.bytes else {
                return logits.output.write(sums, corrections: logits.corrections, to: output)
            }
            bytes.rule.write(sums, to: arena + bytes.to, kernels)
        }
    }
}
