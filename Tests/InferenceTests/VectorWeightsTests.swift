import CIntegerKernels
import Inference
import PackedModel
import Testing

/// What `CIntegerKernels.h` promises of packed weights, read back slot by slot.
@Suite struct VectorWeightsTests {
    private func packed(
        _ weights: [Int8], outputs: Int, costs: cik_costs
    ) throws -> SparseVectorWeights {
        let tensor = packedTensor(
            shape: [outputs, weights.count / outputs], weights: weights, scales: [1])
        let packed = VectorWeights(
            try SparseRows(tensor, at: .node("n")), highest: 255, costs: costs,
            preference: .sparse)
        guard case .sparse(let sparse) = packed else { throw Unexpected() }
        return sparse
    }

    private struct Unexpected: Error {}

    /// What makes kernels faster is found where it is there.
    @Test func `outputs in order and codes that are levels are recognized`() throws {
        let costs = cik_kernel_set_at(0)!.pointee.costs
        // The first of 20 outputs have the most weights.
        func view(_ levels: ClosedRange<Int8>, turned: Bool = false) throws -> cik_spmv_weights {
            var rows = (0..<20).map { output in
                (0..<64).map { column -> Int8 in
                    if column + output >= 40 { return 0 }
                    let level = levels.lowerBound + Int8(column % levels.count)
                    return level == 0 ? 1 : level
                }
            }
            if turned { rows.reverse() }
            return try packed(Array(rows.joined()), outputs: 20, costs: costs).view
        }
        let ranges: [ClosedRange<Int8>] = [-8...7, 1...2, -8...8, -9...1]
        let areLevels = try ranges.map { try view($0).codes_are_levels }
        #expect(areLevels == [true, true, false, false])
        let inOrder = try [false, true].map { try view(-8...7, turned: $0).in_order }
        #expect(inOrder == [true, false])
    }

    /// Weights `[outputs, inputs]` as the slots have them; each place may be named by one slot.
    private func unpacked(_ weights: SparseVectorWeights, outputs: Int, inputs: Int) -> [Int8] {
        let view = weights.view
        var result = [Int8](repeating: 0, count: outputs * inputs)
        for slice in 0..<view.slices {
            var start = 0
            for step in Int(view.first_pair[slice]) * 2..<Int(view.first_pair[slice + 1]) * 2 {
                start += Int(view.advances[step]) * 16
                let pair = view.pairs + step / 2 * (weights.isNarrow ? 192 : 256)
                for slot in 0..<64 {
                    let column = pair[step % 2 * 64 + slot]
                    let code = pair[128 + slot] >> UInt8(step % 2 * 4) & 15
                    let level =
                        weights.isNarrow
                        ? view.levels[Int(code)]
                        : Int8(bitPattern: pair[128 + step % 2 * 64 + slot])
                    #expect(Int(column) < view.window)
                    if level == 0 { continue }
                    let output = Int(view.outputs[slice * 16 + slot / 4])
                    let place = output * inputs + start + Int(column)
                    #expect(result[place] == 0, "two slots for one weight")
                    result[place] = level
                }
            }
        }
        return result
    }

    @Test(arguments: Variant.all, [4, 8])
    func `every weight that is not zero has a slot of its own`(variant: Variant, bits: Int)
        throws
    {
        var random = SplitMix(1)
        let levels = levels(bits: bits).dropFirst()
        // The last has rows that end early and gaps wider than a window can move at once.
        for (outputs, inputs, density) in [
            (1, 1, 1), (16, 64, 1), (17, 300, 0.3), (100, 784, 0.08), (33, 129, 0.9),
            (20, 9000, 0.0005),
        ] {
            let weights = (0..<outputs * inputs).map { place -> Int8 in
                // Rows differ in density.
                let share = Double(place / inputs % 5) / 2
                return random.uniform() < density * max(share, density)
                    ? levels.randomElement(using: &random)! : 0
            }
            let packed = try packed(weights, outputs: outputs, costs: variant.kernels.costs)
            #expect(packed.isNarrow == (Set(weights).union([0]).count <= 16))
            #expect(
                unpacked(packed, outputs: outputs, inputs: inputs) == weights,
                "\(outputs) outputs of \(inputs)")
        }
    }

    @Test(arguments: [KernelPreference.sparse, .dense], [4, 8])
    func `packed weights give their nonzeros back`(preference: KernelPreference, bits: Int) throws {
        var random = SplitMix(2)
        let levels = levels(bits: bits).filter { $0 != 0 }
        for (outputs, inputs, density) in [(1, 1, 0), (17, 300, 0.3), (40, 9000, 0.0005)] {
            let weights = (0..<outputs * inputs).map { _ in
                random.uniform() < density ? levels.randomElement(using: &random)! : 0
            }
            let rows = try SparseRows(
                packedTensor(shape: [outputs, inputs], weights: weights, scales: [1]),
                at: .node("n"))
            let packed = VectorWeights(
                rows, highest: 255, costs: Variant(index: 0).kernels.costs, preference: preference)
            #expect(packed.rows(outputs: outputs, columns: inputs) == rows)
        }
    }

    @Test func `every row of the slices belongs to one output`() throws {
        let packed = try packed(
            [Int8](repeating: 1, count: 37 * 5), outputs: 37,
            costs: Variant(index: 0).kernels.costs)
        let rows = (0..<packed.view.slices * 16).map { packed.view.outputs[$0] }
        #expect(rows.sorted() == Array(0..<48))
    }

    @Test(arguments: Variant.all, [0.04, 0.09, 0.25])
    func `a nonzero weight of 4 bits takes less than 2 bytes`(variant: Variant, density: Double)
        throws
    {
        var random = SplitMix(2)
        let levels = levels(bits: 4).dropFirst()
        let weights = (0..<512 * 4096).map { _ in
            random.uniform() < density ? levels.randomElement(using: &random)! : 0
        }
        let tensor = packedTensor(shape: [512, 4096], weights: weights, scales: [1])
        let packed = VectorWeights(
            try SparseRows(tensor, at: .node("n")), highest: 255, costs: variant.kernels.costs,
            preference: .sparse)
        #expect(packed.byteCount < 2 * tensor.codes.count)
    }
}
