/// Where every buffer of a run lives in one arena: buffers that are never in use together may share bytes.
struct ArenaLayout: Sendable {
    struct Buffer: Sendable {
        var byteCount: Int
        /// The first and the last step that use it.
        var steps: ClosedRange<Int>
        var offset = 0
    }

    private(set) var buffers: [Buffer] = []

    /// Bytes of the arena without the over-read behind it.
    var byteCount: Int { buffers.map { $0.offset + $0.byteCount }.max() ?? 0 }

    /// Adds a buffer and returns its number.
    mutating func add(byteCount: Int, at step: Int) -> Int {
        buffers.append(Buffer(byteCount: roundedUp(byteCount, to: 64), steps: step...step))
        return buffers.count - 1
    }

    /// Keeps a buffer alive until `step`.
    mutating func extend(_ buffer: Int, to step: Int) {
        let steps = buffers[buffer].steps
        buffers[buffer].steps = steps.lowerBound...max(steps.upperBound, step)
    }

    /// Gives every buffer, large ones first, the lowest offset at which no living neighbour lies.
    mutating func place() {
        var placed: [Buffer] = []
        let order = buffers.indices.sorted {
            (-buffers[$0].byteCount, $0) < (-buffers[$1].byteCount, $1)
        }
        for index in order {
            var buffer = buffers[index]
            let neighbours = placed.filter { $0.steps.overlaps(buffer.steps) }
            for neighbour in neighbours.sorted(by: { $0.offset < $1.offset })
            where neighbour.offset < buffer.offset + buffer.byteCount {
                buffer.offset = max(buffer.offset, neighbour.offset + neighbour.byteCount)
            }
            buffers[index] = buffer
            placed.append(buffer)
        }
    }
}
