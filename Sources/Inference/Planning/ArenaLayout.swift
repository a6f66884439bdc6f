/// Where every buffer of a run lives in one arena: buffers that are never in use together may share bytes.
package struct ArenaLayout: Sendable {
    package struct Buffer: Sendable {
        package var byteCount: Int
        /// The first and the last step that use it.
        package var steps: ClosedRange<Int>
        package var offset = 0
    }

    package private(set) var buffers: [Buffer] = []

    package init() {}

    /// Bytes of the arena without the over-read behind it.
    package var byteCount: Int { buffers.map { $0.offset + $0.byteCount }.max() ?? 0 }

    /// Adds a buffer and returns its number.
    package mutating func add(byteCount: Int, at step: Int) -> Int {
        buffers.append(Buffer(byteCount: roundedUp(byteCount, to: 64), steps: step...step))
        return buffers.count - 1
    }

    /// Keeps a buffer alive until `step`.
    package mutating func extend(_ buffer: Int, to step: Int) {
        let steps = buffers[buffer].steps
        buffers[buffer].steps = steps.lowerBound...max(steps.upperBound, step)
    }

    /// The same with a place for every buffer.
    func placed() -> ArenaLayout {
        var placed = self
        placed.place()
        return placed
    }

    /// Gives every buffer, large ones first, the lowest offset at which no living neighbour lies.
    package mutating func place() {
        // By where they are.
        var placed: [Buffer] = []
        let order = buffers.indices.sorted {
            (-buffers[$0].byteCount, $0) < (-buffers[$1].byteCount, $1)
        }
        for index in order {
            var buffer = buffers[index]
            for neighbour in placed where neighbour.steps.overlaps(buffer.steps) {
                if neighbour.offset >= buffer.offset + buffer.byteCount { break }
                buffer.offset = max(buffer.offset, neighbour.offset + neighbour.byteCount)
            }
            buffers[index] = buffer
            let place = placed.firstIndex { $0.offset > buffer.offset } ?? placed.count
            placed.insert(buffer, at: place)
        }
    }
}
