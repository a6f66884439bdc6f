import CFloatKernels

// Values that move between channels and positions. Tensors are `[batch, ..., channels]`.

extension Tensor {
    /// Copies some channels of `x`, at every position, to where `first` is the first of them.
    /// - Parameter clearsOthers: whether the channels that are not written become 0.
    public mutating func assignChannels(
        _ channels: Range<Int>, of x: Tensor, at first: Int, clearsOthers: Bool = false,
        threads: Int
    ) {
        precondition(shape.dropLast() == x.shape.dropLast(), "\(x.shape) into \(shape)")
        let (from, to) = (x.shape.last!, shape.last!)
        precondition(
            channels.lowerBound >= 0 && channels.upperBound <= from, "\(channels) of \(from)")
        precondition(first >= 0 && first + channels.count <= to, "\(channels) at \(first) of \(to)")
        let positions = shape.dropFirst().dropLast().reduce(1, *)
        let (batch, threads) = (shape[0], Tensors.threads(threads, forMoving: count))
        withPointers(x, &self) { x, y in
            parallel(chunks: batch, threads: threads) { image in
                let target = y + image * positions * to
                if clearsOthers { target.update(repeating: 0, count: positions * to) }
                cfk_copy_rows(
                    x + image * positions * from + channels.lowerBound, Int64(from), target + first,
                    Int64(to), Int64(positions), Int64(channels.count))
            }
        }
    }

    /// Channel `i · groups + g` is channel `g · (channels / groups) + i` of `x`.
    public mutating func assignShuffled(_ x: Tensor, groups: Int, threads: Int) {
        precondition(
            shape == x.shape && shape.last! % groups == 0, "\(x.shape) in \(groups) groups")
        let (channels, count) = (shape.last!, shape.dropFirst().reduce(1, *))
        let (batch, threads) = (shape[0], Tensors.threads(threads, forMoving: self.count))
        withPointers(x, &self) { x, y in
            parallel(chunks: batch, threads: threads) { image in
                cfk_shuffle(
                    bestISA, x + image * count, Int64(count / channels), Int64(groups),
                    Int64(channels / groups), y + image * count)
            }
        }
    }

    /// The images of `x` with `value` around them: row `top` and column `left` hold the first position.
    public mutating func assignPadded(
        _ x: Tensor, top: Int, left: Int, value: Float, threads: Int
    ) {
        let part = PaddedPart(of: shape, holding: x.shape, top: top, left: left)
        let threads = Tensors.threads(threads, forMoving: count)
        withPointers(x, &self) { x, y in
            parallel(chunks: part.batch, threads: threads) { image in
                let target = y + image * part.outerCount
                target.update(repeating: value, count: part.outerCount)
                cfk_copy_rows(
                    x + image * part.innerCount, part.pitch, target + part.start, part.outerPitch,
                    part.rows, part.pitch)
            }
        }
    }

    /// The part of the images of `x` that `assignPadded` would fill from images of this shape.
    public mutating func assignCropped(_ x: Tensor, top: Int, left: Int, threads: Int) {
        let part = PaddedPart(of: x.shape, holding: shape, top: top, left: left)
        let threads = Tensors.threads(threads, forMoving: count)
        withPointers(x, &self) { x, y in
            parallel(chunks: part.batch, threads: threads) { image in
                cfk_copy_rows(
                    x + image * part.outerCount + part.start, part.outerPitch,
                    y + image * part.innerCount, part.pitch, part.rows, part.pitch)
            }
        }
    }
}

/// Where images `[batch, height, width, channels]` lie inside larger ones, in floats.
private struct PaddedPart {
    let batch: Int
    let innerCount: Int
    let outerCount: Int
    /// From the start of a large image to the small one in it.
    let start: Int
    let rows: Int64
    let pitch: Int64
    let outerPitch: Int64

    init(of outer: [Int], holding inner: [Int], top: Int, left: Int) {
        precondition(
            outer.count == 4 && inner.count == 4 && outer[0] == inner[0] && outer[3] == inner[3]
                && top >= 0 && left >= 0 && top + inner[1] <= outer[1]
                && left + inner[2] <= outer[2],
            "\(inner) inside \(outer) at row \(top), column \(left)")
        batch = inner[0]
        innerCount = inner.dropFirst().reduce(1, *)
        outerCount = outer.dropFirst().reduce(1, *)
        start = (top * outer[2] + left) * outer[3]
        rows = Int64(inner[1])
        pitch = Int64(inner[2] * inner[3])
        outerPitch = Int64(outer[2] * outer[3])
    }
}
