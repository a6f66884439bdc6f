import CIntegerKernels

/// One run of a program in an arena: the only place where pointers into buffers are made.
///
/// All offsets and sizes come from the planner, which has checked the model.
struct ProgramRun {
    let network: PreparedNetwork
    let program: Program
    /// Of the program, those that run; all of them if `nil`.
    var stepCount: Int?
    let arena: UnsafeMutablePointer<UInt8>
    /// Samples in the lanes, 1...lanes; the others hold anything.
    let count: Int
    /// `[count, outputs]`
    let logits: UnsafeMutablePointer<Float>
    /// Who shares its layers; `nil` where threads share samples.
    var helpers: Helpers?
    /// Where times are added up, if anybody wants to know.
    var stopwatch: Stopwatch?

    private var kernels: UnsafePointer<cik_kernel_set> { network.kernels.pointer }

    /// Runs on pixels `[count, channels, height, width]`.
    func run(pixels: UnsafePointer<UInt8>) {
        guard let table = network.pixelTable else { return runWithoutTable(pixels) }
        var encoding = cik_encoding(
            channels: network.input.channels, area: network.input.area,
            tables: table.pointer(to: UInt8.self))
        kernels.pointee.u8_encode(&encoding, pixels, count, program.lanes, buffer(program.input))
        runSteps()
    }

    /// Runs on bytes `[samples, count]` as the first layer reads them; `identity` is their table.
    func run(bytes: UnsafePointer<UInt8>, count features: Int, identity: AlignedBuffer) {
        var encoding = cik_encoding(
            channels: 1, area: features, tables: identity.pointer(to: UInt8.self))
        kernels.pointee.u8_encode(&encoding, bytes, count, program.lanes, buffer(program.input))
        runSteps()
    }

    /// Runs on raw samples `[count, channels, height, width]`.
    func run(samples: UnsafePointer<Float>) {
        network.input.withEncoding { encoding in
            kernels.pointee.f32_encode(
                encoding, samples, count, program.lanes, buffer(program.input))
        }
        runSteps()
    }

    /// Runs on pixels of so many parts with a mean of their own that tables for all would be too large.
    private func runWithoutTable(_ pixels: UnsafePointer<UInt8>) {
        let input = network.input
        let lanes = program.lanes
        let bytes = buffer(program.input)
        let features = input.channels * input.area
        for feature in 0..<features {
            for lane in 0..<lanes {
                let pixel = lane < count ? pixels[lane * features + feature] : 0
                let code = input.code(Float(pixel), channel: feature / input.area)
                bytes[feature * lanes + lane] = UInt8(code - input.quantizer.lowest)
            }
        }
        runSteps()
    }

    private func buffer(_ number: Program.Buffer) -> UnsafeMutablePointer<UInt8> {
        arena + program.layout.buffers[number].offset
    }

    func bytes(_ location: Program.Location) -> UnsafeMutablePointer<UInt8> {
        buffer(location.buffer) + location.offset
    }

    private func accumulators(_ number: Program.Buffer) -> UnsafeMutablePointer<Int32> {
        UnsafeMutableRawPointer(buffer(number)).assumingMemoryBound(to: Int32.self)
    }

    private func runSteps() {
        let count = stepCount ?? program.steps.count
        guard let stopwatch else {
            return program.steps.withUnsafeBufferPointer { for step in $0[..<count] { run(step) } }
        }
        for (step, node) in zip(program.steps[..<count], program.nodes) {
            stopwatch.time(node) { run(step) }
        }
    }

    func run(_ step: Program.Step) {
        switch step {
        case .planes(let planes, let from, let to, let behind):
            runPlanes(planes, from: from, to: to, behind: behind)
        case .maxPooling(let pooling, let from, let to, let around):
            runMaxPooling(pooling, from: from, to: to, around: around)
        case .averagePooling(let averaging, let node, let from, let to):
            runAveraging(network.rules[node]!, averaging, from: from, to: to)
        case .addition(let node, let from, let count, let to):
            runAddition(network.rules[node]!, from: from, count: count, to: to)
        case .multiplication(let node, let shape, let from, let to):
            runMultiplication(network.rules[node]!, shape, from: from, to: to)
        case .lookup(let node, let input, let from, let count, let to):
            runLookup(network.rules[node]!, input: input, from: from, count: count, to: to)
        case .channelShuffle(let groups, let channels, let size, let from, let to):
            kernels.pointee.u8_channel_shuffle(groups, channels, size, bytes(from), bytes(to))
        case .vector(let node, let from, let sums, let to):
            runVector(node, from: from, accumulators: sums, to: to)
        case .planar(let step):
            runPlanar(step, network.layers[step.node]!)
        case .softmax:
            for sample in 0..<count { applySoftmax(to: logits + sample * network.outputCount) }
        }
    }

    // MARK: Operations without weights

    private func runPlanes(
        _ planes: cik_planes, from: Program.Location, to: Program.Location, behind: Int
    ) {
        let read = planes.channel_stride * program.lanes
        let written =
            planes.phases_height * planes.phases_width * planes.plane_stride * program.lanes
        shareChannels(planes.channels, byteCount: planes.channels * written) { channels in
            var part = planes
            part.channels = channels.count
            kernels.pointee.u8_planes(
                &part, bytes(from) + channels.lowerBound * read, program.lanes,
                bytes(to) + channels.lowerBound * written)
        }
        if behind > 0 {
            (bytes(to) + planes.channels * written).update(repeating: planes.fill, count: behind)
        }
    }

    private func runMaxPooling(
        _ pooling: cik_pooling, from: Program.Location, to: Program.Location,
        around: Program.Surroundings?
    ) {
        let read = pooling.channel_stride * program.lanes
        let written = pooling.output_channel_stride * program.lanes
        if let around {
            let count = around.border.count(channels: pooling.channels) * program.lanes
            (bytes(to) - around.border.front * program.lanes)
                .update(repeating: around.fill, count: count)
        }
        // A pooling reads more than it writes.
        shareChannels(pooling.channels, byteCount: pooling.channels * read) { channels in
            var part = pooling
            part.channels = channels.count
            kernels.pointee.u8_max_pooling(
                &part, bytes(from) + channels.lowerBound * read, program.lanes,
                bytes(to) + channels.lowerBound * written)
        }
    }

    private func runAveraging(
        _ rule: PackedRule, _ step: Program.Averaging, from: Program.Location,
        to: Program.Location
    ) {
        guard case .averaging(let multiplier, let constant, let rounding) = rule else { return }
        let border = Int64(step.borderCount) * Int64(step.fill) * Int64(multiplier)
        var averaging = cik_averaging(
            windows: step.windows, fill: step.fill,
            multiplier: multiplier, constant: constant - border, rounding: rounding)
        kernels.pointee.u8_average_pooling(&averaging, bytes(from), program.lanes, bytes(to))
    }

    private func runAddition(
        _ rule: PackedRule, from: [Program.Location], count: Int, to: Program.Location
    ) {
        guard case .addition(let multipliers, let constant, let rounding, _) = rule else { return }
        var addition = cik_addition(
            terms: from.count, multipliers: multipliers.pointer(to: Int32.self),
            constant: constant, rounding: rounding)
        shareChannels(count, byteCount: count) { places in
            withUnsafeTemporaryAllocation(of: UnsafePointer<UInt8>?.self, capacity: from.count) {
                for (term, location) in from.enumerated() {
                    $0.initializeElement(
                        at: term, to: UnsafePointer(bytes(location) + places.lowerBound))
                }
                kernels.pointee.u8_add(
                    &addition, $0.baseAddress, places.count, bytes(to) + places.lowerBound)
            }
        }
    }

    private func runMultiplication(
        _ rule: PackedRule, _ shape: Program.ProductShape, from: [Program.Location],
        to: Program.Location
    ) {
        guard
            case .multiplication(let both, let first, let second, let constant, let rounding) = rule
        else { return }
        let multiplication = cik_multiplication(
            channels: shape.channels, area: shape.area, one_per_channel: shape.isOnePerChannel,
            both: both, first: first, second: second, constant: constant, rounding: rounding,
            highest: shape.highest)
        let size = shape.area * program.lanes
        let factors = shape.isOnePerChannel ? program.lanes : size
        shareChannels(shape.channels, byteCount: shape.channels * size) { channels in
            var part = multiplication
            part.channels = channels.count
            kernels.pointee.u8_multiply(
                &part, bytes(from[0]) + channels.lowerBound * size,
                bytes(from[1]) + channels.lowerBound * factors, program.lanes,
                bytes(to) + channels.lowerBound * size)
        }
    }

    private func runLookup(
        _ rule: PackedRule, input: Int, from: Program.Location, count: Int, to: Program.Location
    ) {
        guard case .lookup(let tables) = rule else { return }
        if let table = tables[input] {
            shareChannels(count, byteCount: count) { places in
                kernels.pointee.u8_lookup(
                    table.pointer(to: UInt8.self), bytes(from) + places.lowerBound, places.count,
                    bytes(to) + places.lowerBound)
            }
        } else {
            bytes(to).update(from: bytes(from), count: count)
        }
    }

    /// `exp(x) / Σ exp(x)` of one sample's logits, in place.
    private func applySoftmax(to logits: UnsafeMutablePointer<Float>) {
        var largest = logits[0]
        for index in 0..<network.outputCount where logits[index] > largest {
            largest = logits[index]
        }
        var sum = 0.0
        for index in 0..<network.outputCount {
            sum += exponential(Double(logits[index]) - Double(largest))
        }
        for index in 0..<network.outputCount {
            logits[index] = Float(exponential(Double(logits[index]) - Double(largest)) / sum)
        }
    }

    // MARK: One sample, whole inputs

    private func runVector(
        _ node: Int, from: Program.Location, accumulators number: Program.Buffer,
        to: Program.Location?
    ) {
        let layer = network.layers[node]!
        guard let weights = layer.vector else { return }
        let work = network.estimates[node]
        let sums = accumulators(number)
        switch weights {
        case .sparse(let weights):
            let kernel = weights.isNarrow ? kernels.pointee.u8_c4_spmv : kernels.pointee.u8_s8_spmv
            share(weights.view.slices, unit: 1, nanoseconds: work) { slices in
                var view = weights.view
                kernel!(&view, slices.lowerBound, slices.count, bytes(from), sums)
            }
        case .dense(let weights):
            share(weights.view.outputs, unit: Int(CIK_ROWS), nanoseconds: work) { outputs in
                var view = weights.view
                kernels.pointee.u8_s8_gemv(
                    &view, outputs.lowerBound, outputs.count, bytes(from), sums)
            }
        }
        switch layer.epilogue {
        case .bytes(let epilogue):
            epilogue.each.write(sums, to: bytes(to!), kernels)
        case .logits(let epilogue):
            epilogue.output.write(sums, corrections: epilogue.corrections, to: logits)
        }
    }

    // MARK: Planes

    private func runPlanar(_ step: Program.PlanarStep, _ layer: PackedWeights) {
        let length = step.keptBytes.span
        var planar = cik_planar()
        planar.x = UnsafePointer(bytes(step.from))
        planar.lanes = program.lanes
        planar.length = length
        planar.kept = step.kept!.pointer(to: UInt64.self)
        planar.acc_stride = roundedUp(length, to: Int(CIK_TILE))
        planar.band = step.band
        planar.scratch = buffer(step.scratch)
        switch layer.epilogue {
        case .bytes(let epilogue):
            planar.y = bytes(step.to!)
            planar.y_stride = step.height * step.width * program.lanes
            if let border = step.border {
                planar.y_stride = border.channelStride * program.lanes
                (planar.has_border, planar.fill) = (true, step.fill)
                fill(border, around: step)
            }
            withUnsafePointer(to: epilogue.view) { epilogue in
                planar.epilogue = epilogue
                withResidual(of: step) { residual in
                    var planar = planar
                    planar.residual = residual
                    addPlanes(planar, layer.planar, of: step)
                }
            }
        case .logits(let epilogue):
            let sums = accumulators(step.accumulators!)
            for first in stride(from: 0, to: step.outputs, by: step.outputsInRun) {
                let count = min(step.outputsInRun, step.outputs - first)
                planar.acc = sums - first * planar.acc_stride
                shareOutputs(count, of: step, nanoseconds: work(of: step)) { part, scratch in
                    let outputs = first + part.lowerBound..<first + part.upperBound
                    var planar = planar
                    planar.scratch = scratch
                    layer.planar.add(planar, step.groups(of: outputs), kernels)
                    finish(step, outputs, epilogue.output, epilogue.corrections, planar)
                }
            }
        }
    }

    /// Fills the border around the planes of a result but for what lies in the tiles of a plane, which
    /// the layer fills itself.
    private func fill(_ border: Border, around step: Program.PlanarStep) {
        let (first, lanes) = (bytes(step.to!), program.lanes)
        (first - border.front * lanes).update(repeating: step.fill, count: border.front * lanes)
        let made = step.keptBytes.tiles * Int(CIK_TILE)
        let behind = border.channelStride * lanes - made
        guard behind > 0 else { return }
        for output in 0..<step.outputs {
            (first + output * border.channelStride * lanes + made)
                .update(repeating: step.fill, count: behind)
        }
    }

    /// Calls `body` with what the layer adds to its bytes, if anything.
    private func withResidual(
        of step: Program.PlanarStep, _ body: (UnsafePointer<cik_residual>?) -> Void
    ) {
        guard let residual = step.residual,
            case .addition(_, _, _, let rule?)? = network.rules[residual.node]
        else { return body(nil) }
        let distance = bytes(residual.other) - bytes(step.to!)
        withUnsafePointer(to: rule.view(own: residual.own, distance: distance)) { body($0) }
    }

    /// The results of all outputs, shared among threads.
    private func addPlanes(
        _ planar: cik_planar, _ weights: PlanarWeights, of step: Program.PlanarStep
    ) {
        if let copy = step.copy { return addCopied(planar, weights, of: step, copy) }
        if step.isDirect { return addDirect(planar, weights.direct!, of: step) }
        shareLayer(planar, of: step, nanoseconds: work(of: step)) {
            weights.add($0, step.groups(of: $2), kernels)
        }
    }

    /// The same where the values are read as they stand.
    private func addDirect(
        _ planar: cik_planar, _ weights: DirectWeights, of step: Program.PlanarStep
    ) {
        shareLayer(planar, of: step, nanoseconds: work(of: step)) { planar, firstTile, outputs in
            var (planar, view) = (planar, weights.view)
            planar.x = UnsafePointer(bytes(step.from))
            view.reaches += firstTile * view.runs
            kernels.pointee.u8_s8_depthwise_direct(
                &view, &planar, outputs.lowerBound, outputs.count)
        }
    }

    /// The same where each channel is copied before it is read.
    private func addCopied(
        _ planar: cik_planar, _ weights: PlanarWeights, of step: Program.PlanarStep,
        _ copy: Program.ChannelCopy
    ) {
        let read = copy.planes.channel_stride * program.lanes
        shareOutputs(step.outputs, of: step, nanoseconds: work(of: step)) { outputs, scratch in
            var planar = planar
            planar.scratch = scratch
            let copied = scratch + copy.offset
            for first in stride(from: outputs.lowerBound, to: outputs.upperBound, by: copy.channels)
            {
                let end = min(first + copy.channels, outputs.upperBound)
                var planes = copy.planes
                planes.channels = end - first
                kernels.pointee.u8_planes(
                    &planes, bytes(step.from) + first * read, program.lanes, copied)
                // So that channel `first` is the first one of the copy.
                planar.x = UnsafePointer(copied) - first * step.groupStride
                weights.add(planar, step.groups(of: first..<end), kernels)
            }
        }
    }

    /// What a layer takes on one thread, in nanoseconds.
    private func work(of step: Program.PlanarStep) -> Double {
        network.estimates[step.node] * Double(program.lanes)
    }

    /// Turns the sums of some outputs into logits.
    private func finish(
        _ step: Program.PlanarStep, _ outputs: Range<Int>, _ real: RealOutput,
        _ corrections: [Int32], _ planar: cik_planar
    ) {
        let (lanes, sums) = (program.lanes, UnsafePointer(planar.acc!))
        if step.height * step.width == 1 {
            return real.write(
                outputs, sums, stride: planar.acc_stride, corrections: corrections, lanes: count,
                to: logits)
        }
        for output in outputs {
            for y in 0..<step.height {
                for x in 0..<step.width {
                    let place = (output * step.height + y) * step.width + x
                    let row = sums + output * planar.acc_stride + (y * step.rowStride + x) * lanes
                    for lane in 0..<count {
                        logits[lane * network.outputCount + place] = real.value(
                            row[lane] + corrections[output], output: output)
                    }
                }
            }
        }
    }
}
