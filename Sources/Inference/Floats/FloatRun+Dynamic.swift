import CFloatKernels
import CIntegerKernels
import PackedModel

/// Layers in dynamic range: the codes of one sample times integer weights, in the integer kernels.
extension FloatRun {
    func multiply(
        _ layer: FloatLayer, _ weights: DynamicWeights, _ step: Step, _ x: Floats, _ y: Floats
    ) {
        let image = step.inputs[0].image
        var range: (lowest: Float, highest: Float) = (0, 0)
        cfk_range(isa, x, Int64(image.count), &range.lowest, &range.highest)
        let grid = DynamicGrid(lowest: range.lowest, highest: range.highest)
        let codes = bytes(step.copies[1])
        cfk_dynamic_codes(
            isa, x, Int64(image.area), Int64(image.channels), grid.scale, Float(grid.zero),
            bytes(step.copies[0]), codes)
        let factors = floats(step.copies[3])
        let corrections = UnsafeMutableRawPointer(factors + weights.scales.count)
            .assumingMemoryBound(to: Int32.self)
        for output in weights.scales.indices {
            factors[output] = weights.scales[output] * grid.scale
            corrections[output] = Int32(grid.zero) * weights.levelSums[output]
        }
        let real = RealSums(
            factors: factors, corrections: corrections, bias: layer.bias.pointer(to: Float.self))
        if let vector = weights.vector {
            multiply(layer, vector, codes, real, y)
        } else if var planes = weights.planar!.geometry.copy {
            planes.fill = grid.zero
            network.kernels.functions.u8_planes(&planes, codes, 1, bytes(step.copies[2]))
            multiply(layer, weights, planes: bytes(step.copies[2]), real, y)
        } else {
            multiply(layer, weights, planes: codes, real, y)
        }
    }

    /// What turns sums into real results; one of each for every output.
    struct RealSums {
        let factors: Floats
        let corrections: UnsafeMutablePointer<Int32>
        let bias: UnsafePointer<Float>
    }

    // MARK: One place, the whole input

    private func multiply(
        _ layer: FloatLayer, _ weights: VectorWeights, _ codes: UnsafeMutablePointer<UInt8>,
        _ real: RealSums, _ y: Floats
    ) {
        let kernels = network.kernels.functions
        let outputs = layer.window.output.channels
        network.scratches.withArena { scratch in
            let sums = UnsafeMutableRawPointer(scratch).assumingMemoryBound(to: Int32.self)
            switch weights {
            case .sparse(let weights):
                let kernel = weights.isNarrow ? kernels.u8_c4_spmv : kernels.u8_s8_spmv
                share(weights.view.slices, unit: 1, products: layer.nonzeros) { slices in
                    var view = weights.view
                    kernel!(&view, slices.lowerBound, slices.count, codes, sums)
                }
            case .dense(let weights):
                share(outputs, unit: Int(CIK_ROWS), products: outputs * weights.view.stride) {
                    var view = weights.view
                    kernels.u8_s8_gemv(&view, $0.lowerBound, $0.count, codes, sums)
                }
            }
            var shape = cfk_sums(
                rows: 1, columns: 1, row_step: 0, sum_pitch: 1, pitch: Int64(outputs))
            cfk_real_sums(
                isa, &shape, sums, 0, Int64(outputs), real.factors, real.corrections, real.bias, y)
        }
    }

    // MARK: Planes

    private func multiply(
        _ layer: FloatLayer, _ weights: DynamicWeights, planes: UnsafeMutablePointer<UInt8>,
        _ real: RealSums, _ y: Floats
    ) {
        let (output, geometry) = (layer.window.output, weights.planar!.geometry)
        let stride = weights.accumulatorStride(of: output)
        let products =
            (weights.isSparse ? layer.nonzeros : layer.window.terms * output.channels)
            * output.area
        var planar = cik_planar()
        planar.x = UnsafePointer(planes)
        planar.lanes = 1
        planar.length = weights.span(of: output)
        planar.kept = network.nothingKept.pointer(to: UInt64.self)
        planar.acc_stride = stride
        planar.band = geometry.band
        let shape = cfk_sums(
            rows: Int64(output.height), columns: Int64(output.width),
            row_step: Int64(geometry.rowStride), sum_pitch: Int64(stride),
            pitch: Int64(output.channels))
        let atOnce = weights.outputsInRun(of: output)
        share(output.channels, unit: 4, products: products) { [planar] outputs in
            network.scratches.withArena { scratch in
                var (planar, shape) = (planar, shape)
                planar.scratch = scratch
                let sums = UnsafeMutableRawPointer(
                    scratch + weights.scratchBytes(of: output).sorting
                ).assumingMemoryBound(to: Int32.self)
                for first in Swift.stride(
                    from: outputs.lowerBound, to: outputs.upperBound, by: atOnce)
                {
                    let part = first..<min(first + atOnce, outputs.upperBound)
                    planar.acc = sums - first * stride
                    weights.planar!.weights.add(
                        planar,
                        ChannelGroups(
                            outputs: part, outputsInGroup: output.channels / geometry.groups,
                            stride: geometry.groupStride), network.kernels.pointer)
                    cfk_real_sums(
                        isa, &shape, sums, Int64(part.lowerBound), Int64(part.upperBound),
                        real.factors, real.corrections, real.bias, y)
                }
            }
        }
    }
}
