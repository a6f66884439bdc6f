import ThreadPool

/// Threads that help with the layers of one run, and memory for what each of them sorts.
struct Helpers {
    let threads: ThreadPool
    let scratches: ArenaPool
    /// Work that pays for the start of a part on another thread, in nanoseconds.
    let leastWork: Double
}

extension ProgramRun {
    /// What a byte costs that an operation without weights writes, in nanoseconds.
    private static var byteCost: Double { 0.1 }

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
        guard let helpers, nanoseconds >= helpers.leastWork else { return body(0..<count) }
        let units = (count + unit - 1) / unit
        let parts = min(helpers.threads.threads * partsOfThread, units)
        helpers.threads.run(parts) { part in
            let first = part * units / parts * unit
            let end = min((part + 1) * units / parts * unit, count)
            body(first..<end)
        }
    }

    /// Calls `body` with parts of `channels` that write `byteCount` bytes all together.
    func shareChannels(_ channels: Int, byteCount: Int, _ body: (Range<Int>) -> Void) {
        share(channels, unit: 1, nanoseconds: Double(byteCount) * Self.byteCost, body)
    }

    /// Lends memory for what a part of a planar layer sorts.
    func withScratch(
        of step: Program.PlanarStep, _ body: (UnsafeMutablePointer<UInt8>) -> Void
    ) {
        if let helpers {
            helpers.scratches.withArena(body)
        } else {
            body(arena + program.layout.buffers[step.scratch].offset)
        }
    }
}
