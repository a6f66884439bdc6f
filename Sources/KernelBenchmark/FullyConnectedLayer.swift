import CBaselines
import CIntegerKernels
import Inference
import PackedModel

/// A fully connected layer with random weights, run on one sample.
struct FullyConnectedLayer {
    var name: String
    var inputs: Int
    var outputs: Int
    var density: Double

    /// Those that Deep Compression reports (Han, Mao, Dally 2016, tables 4 and 5).
    static let deepCompression = [
        FullyConnectedLayer(name: "AlexNet FC6", inputs: 9216, outputs: 4096, density: 0.09),
        FullyConnectedLayer(name: "AlexNet FC7", inputs: 4096, outputs: 4096, density: 0.09),
        FullyConnectedLayer(name: "AlexNet FC8", inputs: 4096, outputs: 1000, density: 0.25),
        FullyConnectedLayer(name: "VGG-16 FC6", inputs: 25088, outputs: 4096, density: 0.04),
        FullyConnectedLayer(name: "VGG-16 FC7", inputs: 4096, outputs: 4096, density: 0.04),
        FullyConnectedLayer(name: "VGG-16 FC8", inputs: 4096, outputs: 1000, density: 0.23),
    ]

    /// Floats first, then the kernels of `variants` for weights of 4 and of 8 bits.
    func contenders(_ variants: some Sequence<cik_kernel_set>) -> [Contender] {
        var random = SystemRandomNumberGenerator()
        let narrow = weights(levels: 15, using: &random)
        let wide = weights(levels: 255, using: &random)
        var result = [dense()]
        for variant in variants {
            result.append(contender(narrow, variant, .sparse))
            result.append(contender(wide, variant, .sparse))
            result.append(contender(wide, variant, .dense))
        }
        return result
    }

    /// Random places, and levels from `-levels / 2` to `levels / 2` without 0.
    private func weights(levels: Int, using random: inout some RandomNumberGenerator) -> SparseRows
    {
        let half = Int8(levels / 2)
        var tensor = PackedTensor(
            shape: [outputs, inputs], levels: [0] + (-half...half).filter { $0 != 0 }, gaps: [],
            codes: [], scales: [1])
        var gap: UInt32 = 0
        for _ in 0..<outputs * inputs {
            if Double.random(in: 0..<1, using: &random) < density {
                tensor.gaps.append(gap)
                tensor.codes.append(UInt8.random(in: 1..<UInt8(levels), using: &random))
                gap = 0
            } else {
                gap += 1
            }
        }
        do {
            return try SparseRows(tensor, at: .node(name))
        } catch {
            fatalError("\(error)")
        }
    }

    /// The time of a product does not depend on its numbers.
    private func dense() -> Contender {
        let weights = AlignedBuffer(byteCount: inputs * outputs * 4)
        let x = AlignedBuffer(byteCount: inputs * 4)
        let y = AlignedBuffer(byteCount: outputs * 4)
        return Contender(
            name: "dense float32", memory: [weights.bytes], bytesPerNonzero: 4 / density
        ) { [inputs, outputs] in
            cbl_f32_gemv(
                weights.pointer(to: Float.self), x.pointer(to: Float.self), outputs, inputs,
                y.base.assumingMemoryBound(to: Float.self))
        }
    }

    /// Sums and their rounding to bytes, of activations of 8 bits.
    private func contender(
        _ rows: SparseRows, _ kernels: cik_kernel_set, _ preference: KernelPreference
    ) -> Contender {
        let weights = VectorWeights(
            rows, highest: 255, costs: kernels.costs, preference: preference)
        let x = AlignedBuffer(
            byteCount: (inputs + 63) / 64 * 64, overread: Int(CIK_OVERREAD))
        for input in 0..<inputs {
            x.base.storeBytes(of: UInt8.random(in: 0...255), toByteOffset: input, as: UInt8.self)
        }
        let sums = AlignedBuffer([Int32](repeating: 0, count: outputs + Int(CIK_ROWS)))
        let rounding = Rounding(outputs: outputs)
        let add = Self.product(weights, kernels)
        return Contender(
            name:
                "\(weights.kernel.name)__\(String(cString: kernels.isa)), \(weights.kernel.layout)",
            memory: weights.buffers.map(\.bytes),
            bytesPerNonzero: Double(weights.buffers.reduce(0) { $0 + $1.byteCount })
                / Double(rows.nonzeros)
        ) {
            add(
                x.pointer(to: UInt8.self), sums.base.assumingMemoryBound(to: Int32.self))
            rounding.apply(kernels, to: sums.pointer(to: Int32.self))
        }
    }

    private static func product(
        _ weights: VectorWeights, _ kernels: cik_kernel_set
    ) -> (UnsafePointer<UInt8>, UnsafeMutablePointer<Int32>) -> Void {
        switch weights {
        case .sparse(let sparse):
            let kernel = (sparse.isNarrow ? kernels.u8_c4_spmv : kernels.u8_s8_spmv)!
            return { x, sums in
                var view = sparse.view
                kernel(&view, 0, view.slices, x, sums)
            }
        case .dense(let dense):
            return { x, sums in
                var view = dense.view
                kernels.u8_s8_gemv(&view, 0, view.outputs, x, sums)
            }
        }
    }
}

/// Sums of all outputs to bytes, by the rule in integers; results of few bits are rounded in floats by some
/// variants, in half the time.
private struct Rounding {
    let outputs: Int
    private let multipliers: AlignedBuffer
    private let constants: AlignedBuffer
    private let bytes: AlignedBuffer

    init(outputs: Int) {
        self.outputs = outputs
        multipliers = AlignedBuffer([Int32](repeating: 1 << 30, count: outputs))
        constants = AlignedBuffer([Int64](repeating: 1 << 45, count: outputs))
        bytes = AlignedBuffer(byteCount: outputs)
    }

    func apply(_ kernels: cik_kernel_set, to sums: UnsafePointer<Int32>) {
        kernels.s32_requantize_each(
            sums, outputs, multipliers.pointer(to: Int32.self),
            constants.pointer(to: Int64.self), cik_rounding(shift: 42, low: 0, high: 255),
            bytes.base.assumingMemoryBound(to: UInt8.self))
    }
}

extension AlignedBuffer {
    fileprivate var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base, count: byteCount)
    }
}
