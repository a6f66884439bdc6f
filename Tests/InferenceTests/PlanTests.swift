import Inference
import PackedModel
import Testing

@Suite struct PlanTests {
    private func plan(
        density: Double, bits: Int = 4, preference: KernelPreference = .cheaper
    ) throws -> Plan {
        var random = SplitMix(1)
        let recipe = LayerRecipe(density: density, levels: levels(bits: bits))
        let hidden = PackedQuantizer(bits: 4, isSigned: false, scale: 1, offset: 0)
        let model = chain(
            [1, 10, 10], quantizer(bits: 4, isSigned: false),
            [
                .convolution(
                    randomLayer(
                        shape: [8, 1, 3, 3], recipe: recipe, output: hidden, using: &random),
                    PackedWindow(kernel: [3, 3], stride: [1, 1])),
                .linear(
                    randomLayer(
                        shape: [32, 512], recipe: recipe, output: nil, using: &random)),
            ])
        var options = EngineOptions(isa: .scalar)
        options.kernels = preference
        return try Engine(model, options: options).plan
    }

    @Test func `layers that are sparse enough get sparse kernels and full ones dense kernels`()
        throws
    {
        let sparse = try plan(density: 0.05)
        #expect(sparse.layers.map(\.name) == ["n0", "n1"])
        #expect(sparse.layers.map(\.kernel) == ["u6_s8_spmm__scalar", "u8_c4_spmv__scalar"])
        #expect(sparse.layers[1].blockKernel == "u6_s8_spmm__scalar")
        let full = try plan(density: 1, bits: 8)
        #expect(full.layers.map(\.kernel) == ["u8_s8_gemm__scalar", "u8_s8_gemv__scalar"])
    }

    @Test func `weights of more than 16 levels are stored as levels`() throws {
        #expect(
            try plan(density: 0.05, bits: 5).layers[1].kernel == "u8_s8_spmv__scalar")
    }

    @Test func `the plan counts weights, bounds and multiplications`() throws {
        // 3 weights of 4 are not zero; Σ|level| is 3 and 4, activations are 0...15.
        let weights = packedTensor(shape: [2, 2], weights: [1, -2, 0, 4], scales: [1])
        let layer = PackedLayer(
            weights: weights, bias: PackedBias(bits: 2, scale: 1, codes: [0, 0]),
            activation: .identity, output: nil)
        let model = chain([2], quantizer(bits: 4, isSigned: false), [.linear(layer)])
        for (preference, multiplyAdds, packedBytes, blockBytes) in [
            // 1 pair of steps: 128 columns, 64 bytes of codes, 2 moves; 1 slice: 2 bounds, 16 numbers
            // of outputs; 16 levels. Planes: for each output 3 counts, a step of two terms, with 2 offsets
            // of 2 bytes and 2 levels, where the row starts and whose it is; 1 start of a block.
            (
                KernelPreference.sparse, 3, (128 + 64 + 2) + (2 * 4 + 16 * 4) + 16,
                2 * (3 * 4 + (2 * 2 + 2) + 8 + 4) + 4
            ),
            // Rows of 64, and rows of 4 with 4 offsets.
            (.dense, 4, 2 * 64, 2 * 4 + 4 * 4),
        ] {
            var options = EngineOptions(isa: .scalar)
            options.kernels = preference
            let layer = try Engine(model, options: options).plan.layers[0]
            #expect(layer.weights == 4)
            #expect(layer.nonzeros == 3)
            #expect(layer.accumulatorBound == 60)
            #expect(layer.multiplyAdds == multiplyAdds)
            #expect(layer.packedBytes == packedBytes)
            #expect(layer.blockKernelBytes == blockBytes)
        }
    }

    @Test func `the plan counts the weights of a group once for each output`() throws {
        // 4 outputs in 2 groups over 6 channels: 3 weights each, half of them zero, at 4 places.
        let weights: [Int8] = [1, 0, 2, 0, 1, 0, 0, 0, 3, 1, 0, 0]
        let layer = PackedLayer(
            weights: packedTensor(shape: [4, 3, 1, 1], weights: weights, scales: [1]),
            bias: PackedBias(bits: 2, scale: 1, codes: [0, 0, 0, 0]), activation: .identity,
            output: nil)
        let window = PackedWindow(kernel: [1, 1], stride: [1, 1], groups: 2)
        let model = chain(
            [6, 2, 2], quantizer(bits: 4, isSigned: false), [.convolution(layer, window)])
        for (preference, multiplyAdds) in [(KernelPreference.sparse, 5 * 4), (.dense, 12 * 4)] {
            var options = EngineOptions(isa: .scalar)
            options.kernels = preference
            let layer = try Engine(model, options: options).plan.layers[0]
            #expect(layer.weights == 12)
            #expect(layer.nonzeros == 5)
            #expect(layer.accumulatorBound == 45)
            #expect(layer.multiplyAdds == multiplyAdds)
        }
    }

    @Test func `blocks that would need too much memory are not used`() throws {
        let window = PackedWindow(kernel: [1, 1], stride: [1, 1])
        let model = chain(
            [1, 1024, 1024], quantizer(bits: 4, isSigned: false),
            [
                .maxPooling(window),
                .maxPooling(PackedWindow(kernel: [64, 64], stride: [64, 64])),
                showing(256).operation,
            ])
        var options = EngineOptions()
        options.leastInBlock = 65
        let plan = try Engine(model, options: options).plan
        #expect(plan.blockSize == 1)
        #expect(plan.arenaBytes < 3 << 20)
        #expect(plan.layers[0].blockKernel == nil)
        // The last layer alone may.
        #expect(try Engine(model).plan.arenaBytes < 3 << 20)
        var random = SplitMix(3)
        let pixels = random.pixels(17 << 20)
        let logits = try Engine(model).logits(pixels: pixels)
        #expect(
            Array(logits[256..<512])
                == (try Engine(model).logits(pixels: Array(pixels[1 << 20..<2 << 20]))))
    }

    @Test func `blocks begin where they cost less than samples one by one`() throws {
        // The linear layer has 820 of 16,384 weights: 64 samples one by one take as many slots 64
        // times, a block the twos of one tile; so a block pays before it is full.
        let plan = try plan(density: 0.05)
        #expect(plan.blockSize == 64)
        #expect((2..<64).contains(plan.leastInBlock))
        #expect(!plan.runsInBlocks(plan.leastInBlock - 1))
        #expect(plan.runsInBlocks(plan.leastInBlock))
    }

    @Test func `the description names every layer and its kernel`() throws {
        let text = try plan(density: 0.05).description
        #expect(text.contains("n1"))
        #expect(text.contains("u8_c4_spmv__scalar"))
        #expect(Set(text.split(separator: "\n").dropLast().map(\.count)).count == 1)
    }
}

@Suite struct ArenaLayoutTests {
    @Test func `buffers that live at the same time never overlap`() {
        for seed in 0..<50 as Range<UInt64> {
            var random = SplitMix(seed)
            var layout = ArenaLayout()
            for _ in 0..<12 {
                let first = Int.random(in: 0..<10, using: &random)
                let buffer = layout.add(
                    byteCount: Int.random(in: 1...500, using: &random), at: first)
                layout.extend(buffer, to: first + Int.random(in: 0...4, using: &random))
            }
            layout.place()
            for (i, one) in layout.buffers.enumerated() {
                #expect(one.offset.isMultiple(of: 64))
                for other in layout.buffers[(i + 1)...] where one.steps.overlaps(other.steps) {
                    #expect(
                        one.offset + one.byteCount <= other.offset
                            || other.offset + other.byteCount <= one.offset, "seed \(seed)")
                }
            }
        }
    }

    @Test func `a chain of equal values needs room for two`() {
        var layout = ArenaLayout()
        for step in 0..<10 {
            layout.extend(layout.add(byteCount: 64, at: step), to: step + 1)
        }
        layout.place()
        #expect(layout.byteCount == 128)
    }
}
