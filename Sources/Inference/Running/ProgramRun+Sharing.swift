import CIntegerKernels
import ThreadPool

/// Threads that help with the layers of one run, and memory for what each of them sorts.
struct Helpers {
    let threads: ThreadPool
    let scratches: ArenaPool
    /// Work that pays for the start of a part on another thread, in nanoseconds.
    let leastWork: Double
}

extension ProgramRun {
    /// Calls `body` with the whole range `0..<count`, or with parts of it on several threads.
    ///
    /// - Parameters:
    ///   - unit: parts begin at multiples of it.
    ///   - nanoseconds: what all takes on one thread.
    ///   - partsOfThread: more of them even out how long threads take, but each reads the whole input
    ///     again: 8 parts cost 15 % on the layers of ResNet-18.
    func share(
        _ count: Int, unit: Int, nanoseconds: Double, partsOfThread: Int = 2,
        _ body: (Range<Int>) -> Void
    ) {
        guard let helpers, isShared(nanoseconds) else { return body(0..<count) }
        let units = (count + unit - 1) / unit
        let parts = min(helpers.threads.threads * partsOfThread, units)
        helpers.threads.run(parts) { part in
            let first = part * units / parts * unit
            let end = min((part + 1) * units / parts * unit, count)
            body(first..<end)
        }
    }

    /// Whether work of so many nanoseconds is done by several threads.
    private func isShared(_ nanoseconds: Double) -> Bool {
        helpers.map { nanoseconds >= $0.leastWork } ?? false
    }

    /// Calls `body` with parts of `channels` that write `byteCount` bytes all together.
    func shareChannels(_ channels: Int, byteCount: Int, _ body: (Range<Int>) -> Void) {
        share(channels, unit: 1, nanoseconds: Double(byteCount) * Program.byteCost, body)
    }

    /// Calls `body` with parts of a layer over planes: with some tiles of all outputs, or with some
    /// outputs, and the number of the first tile.
    ///
    /// Tiles are all alike, and each part reads its own part of the input, which the thread mostly has
    /// written itself: from the other thread's cache come some 4 GB/s, so that on two threads a layer of
    /// 8 µs takes 13 if it reads what both have written. But a few tiles at a time cost less than one by
    /// one; and parts of small planes write to the same lines of the cache: a table looked up on 480 ×
    /// 14 × 14 bytes took 17 to 23 µs by halves of the planes, and 4 µs on one thread.
    func shareLayer(
        _ planar: cik_planar, of step: Program.PlanarStep, nanoseconds: Double,
        _ body: (cik_planar, _ firstTile: Int, _ outputs: Range<Int>) -> Void
    ) {
        let tiles = roundedUp(planar.length, to: Int(CIK_TILE)) / Int(CIK_TILE)
        let threads = helpers?.threads.threads ?? 1
        if tiles >= threads * Self.tilesTogether {
            // Many tiles are cut between those that are computed together, few as evenly as can be.
            let hasMany = tiles >= 8 * threads * Self.tilesTogether
            share(
                tiles, unit: hasMany ? Self.tilesTogether : 1, nanoseconds: nanoseconds,
                partsOfThread: hasMany ? 4 : 1
            ) { part in
                withScratch(of: step, isShared: isShared(nanoseconds)) { scratch in
                    var planar = planar.part(part)
                    planar.scratch = scratch
                    body(planar, part.lowerBound, 0..<step.outputs)
                }
            }
        } else {
            shareOutputs(step.outputs, of: step, nanoseconds: nanoseconds) { outputs, scratch in
                var planar = planar
                planar.scratch = scratch
                body(planar, 0, outputs)
            }
        }
    }

    /// Calls `body` with parts of `0..<count` outputs of a layer over planes, and with memory for what
    /// each sorts.
    func shareOutputs(
        _ count: Int, of step: Program.PlanarStep, nanoseconds: Double,
        _ body: (_ outputs: Range<Int>, _ scratch: UnsafeMutablePointer<UInt8>) -> Void
    ) {
        // Sorted rows write all over what their neighbours do; a part of few takes them as they come.
        let threads = helpers?.threads.threads ?? 1
        let unit =
            count >= 8 * threads * RowOrder.neighbours ? RowOrder.neighbours : Self.outputsInPart
        share(count, unit: unit, nanoseconds: nanoseconds) { outputs in
            withScratch(of: step, isShared: isShared(nanoseconds)) { body(outputs, $0) }
        }
    }

    /// Kernels compute so many tiles together.
    private static var tilesTogether: Int { 4 }
    /// Outputs that a part of a layer has at least.
    private static var outputsInPart: Int { 4 }

    /// Lends memory for what a part of a planar layer sorts.
    private func withScratch(
        of step: Program.PlanarStep, isShared: Bool, _ body: (UnsafeMutablePointer<UInt8>) -> Void
    ) {
        if isShared, let helpers {
            helpers.scratches.withArena(body)
        } else {
            body(arena + program.layout.buffers[step.scratch].offset)
        }
    }
}

extension cik_planar {
    /// The same layer for some of its tiles.
    fileprivate func part(_ tiles: Range<Int>) -> cik_planar {
        var part = self
        let start = tiles.lowerBound * Int(CIK_TILE)
        let before =
            has_border ? start : (0..<tiles.lowerBound).reduce(0) { $0 + kept[$1].nonzeroBitCount }
        part.x += start
        part.kept += tiles.lowerBound
        part.length = min(tiles.upperBound * Int(CIK_TILE), length) - start
        part.y += before
        return part
    }
}
