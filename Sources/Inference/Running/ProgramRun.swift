import CIntegerKernels

/// One run of a program in an arena: the only place where pointers into buffers are made.
///
/// All offsets and sizes come from the planner, which has checked the model.
struct ProgramRun {
    let network: PreparedNetwork
    let program: Program
    let arena: UnsafeMutablePointer<UInt8>
    /// Samples in the lanes, 1...lanes; the others hold anything.
    let count: Int
    /// `[count, outputs]`
    let logits: UnsafeMutablePointer<Float>

    private var kernels: cik_kernel_set { network.kernels.functions }

    /// Runs on pixels `[count, channels, height, width]`.
    func run(pixels: UnsafePointer<UInt8>) {
        var encoding = cik_encoding(
            channels: network.input.channels, area: network.input.area,
            tables: network.pixelTable.pointer(to: UInt8.self))
        kernels.u8_encode(&encoding, pixels, count, program.lanes, bytes(program.input))
        runSteps()
    }

    /// Runs on raw samples `[count, channels, height, width]`.
    func run(samples: UnsafePointer<Float>) {
        let input = network.input
        let lanes = program.lanes
        let bytes = bytes(program.input)
        let features = input.channels * input.area
        for feature in 0..<features {
            for lane in 0..<lanes {
                let sample = lane < count ? samples[lane * features + feature] : 0
                let code = input.code(sample, channel: feature / input.area)
                bytes[feature * lanes + lane] = UInt8(code - input.input.quantizer.lowest)
            }
        }
        runSteps()
    }

    private func bytes(_ buffer: Program.Buffer) -> UnsafeMutablePointer<UInt8> {
        arena + program.layout.buffers[buffer].offset
    }

    private func accumulators(_ buffer: Program.Buffer) -> UnsafeMutablePointer<Int32> {
        UnsafeMutableRawPointer(bytes(buffer)).assumingMemoryBound(to: Int32.self)
    }

    private func runSteps() {
        for step in program.steps {
            switch step {
            case .planes(var planes, let from, let to):
                kernels.u8_planes(&planes, bytes(from), program.lanes, bytes(to))
            case .pooling(var pooling, let from, let to):
                kernels.u8_max_pooling(&pooling, bytes(from), program.lanes, bytes(to))
            case .vector(let node, let from, let sums, let to):
                runVector(network.layers[node]!, from: from, accumulators: sums, to: to)
            case .planar(let step):
                runPlanar(step, network.layers[step.node]!)
            }
        }
    }

    // MARK: One sample, fully connected

    private func runVector(
        _ layer: PackedWeights, from: Program.Buffer, accumulators buffer: Program.Buffer,
        to: Program.Buffer?
    ) {
        let sums = accumulators(buffer)
        switch layer.vector! {
        case .sparse(let weights):
            var view = weights.view
            let kernel = weights.isNarrow ? kernels.u8_c4_spmv : kernels.u8_s8_spmv
            kernel!(&view, bytes(from), sums)
        case .dense(let weights):
            var view = weights.view
            kernels.u8_s8_gemv(&view, bytes(from), sums)
        }
        switch layer.epilogue {
        case .bytes(let epilogue):
            kernels.s32_requantize_each(
                sums, epilogue.count, epilogue.multipliers, epilogue.constants,
                epilogue.rounding, bytes(to!))
        case .logits(let real, let corrections):
            for output in corrections.indices {
                logits[output] = real.value(sums[output] + corrections[output], output: output)
            }
        }
    }

    // MARK: Planes

    private func runPlanar(_ step: Program.PlanarStep, _ layer: PackedWeights) {
        var top = 0
        while top < step.height {
            let rows = min(step.rowsInBand, step.height - top)
            var first = 0
            while first < step.outputs {
                let outputs = min(step.outputsInGroup, step.outputs - first)
                addPlanes(step, layer, top: top, rows: rows, first: first, outputs: outputs)
                for output in first..<first + outputs {
                    let sums =
                        accumulators(step.accumulators)
                        + (output - first) * step.accumulatorStride
                    for row in 0..<rows {
                        finish(
                            step, layer, sums + row * step.rowStride * program.lanes,
                            output: output, y: top + row)
                    }
                }
                first += outputs
            }
            top += rows
        }
    }

    /// The sums of some outputs in a band of rows.
    private func addPlanes(
        _ step: Program.PlanarStep, _ layer: PackedWeights, top: Int, rows: Int, first: Int,
        outputs: Int
    ) {
        let lanes = program.lanes
        let x = bytes(step.from) + top * step.rowStride * lanes
        let length = ((rows - 1) * step.rowStride + step.width) * lanes
        let sums = accumulators(step.accumulators)
        switch layer.planar! {
        case .sparse(let weights):
            var view = weights.view
            kernels.u8_s8_spmm(
                &view, first, outputs, x, lanes, length, sums, step.accumulatorStride)
        case .dense(let weights):
            var view = weights.view
            kernels.u8_s8_gemm(
                &view, first, outputs, x, lanes, length, sums, step.accumulatorStride)
        }
    }

    /// Turns the sums of one row of one output into bytes or logits.
    private func finish(
        _ step: Program.PlanarStep, _ layer: PackedWeights,
        _ sums: UnsafePointer<Int32>, output: Int, y: Int
    ) {
        let lanes = program.lanes
        let place = (output * step.height + y) * step.width
        switch layer.epilogue {
        case .bytes(let epilogue):
            kernels.s32_requantize_row(
                sums, step.width * lanes, epilogue.multipliers[output],
                epilogue.constants[output], epilogue.rounding, bytes(step.to!) + place * lanes)
        case .logits(let real, let corrections):
            for x in 0..<step.width {
                for lane in 0..<count {
                    logits[lane * network.outputCount + place + x] = real.value(
                        sums[x * lanes + lane] + corrections[output], output: output)
                }
            }
        }
    }
}
