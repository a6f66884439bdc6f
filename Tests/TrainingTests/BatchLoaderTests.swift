import Tensors
import Testing
import Training

/// Images of 3×4 pixels that tell their own index: pixel 0 holds it.
private func images(count: Int, channels: Int = 2) -> LabelledImages {
    let pixels = (0..<count).flatMap { index in
        (0..<12 * channels).map { UInt8(index + 1 + $0 * 3) }
    }
    return LabelledImages(
        shape: [channels, 3, 4], pixels: pixels, labels: Array(0..<count),
        values: (0..<channels).map { channel in (0...255).map { Float($0 + channel * 1000) } })
}

/// All batches of an epoch, as images with labels.
private func epoch(
    _ data: LabelledImages, batchSize: Int, shift: Int = 0, flips: Bool = false, seed: UInt64,
    epoch: Int = 0, isBackground: Bool = false
) -> [(image: [Float], label: Int)] {
    let loader = BatchLoader(
        data, batchSize: batchSize, maximalShift: shift, flips: flips, seed: seed, epoch: epoch,
        isBackground: isBackground)
    let size = data.shape.reduce(1, *)
    var (batch, all) = (Batch(), [(image: [Float], label: Int)]())
    for _ in 0..<BatchLoader.batches(count: data.count, size: batchSize) {
        loader.next(&batch)
        #expect(batch.images.shape == [batch.labels.count, 3, 4, data.shape[0]])
        let elements = batch.images.elements
        for (slot, label) in batch.labels.enumerated() {
            all.append((Array(elements[slot * size..<(slot + 1) * size]), label))
        }
    }
    return all
}

/// An image moved by a shift, then mirrored, channels innermost; 0 comes in from outside.
private func moved(
    _ index: Int, down: Int, right: Int, isFlipped: Bool = false, channels: Int = 2
) -> [Float] {
    (0..<12 * channels).map { at in
        let (place, channel) = (at / channels % 4, at % channels)
        let row = at / channels / 4 - down
        let column = (isFlipped ? 3 - place : place) - right
        let isInside = 0..<3 ~= row && 0..<4 ~= column
        let pixel = isInside ? index + 1 + (channel * 12 + row * 4 + column) * 3 : 0
        return Float(pixel + channel * 1000)
    }
}

@Test(arguments: [1, 2, 7, 19, 20, 21], [false, true])
func `every sample comes once an epoch, with its label`(batchSize: Int, isBackground: Bool) {
    let all = epoch(images(count: 20), batchSize: batchSize, seed: 3, isBackground: isBackground)
    #expect(all.map(\.label).sorted() == Array(0..<20))
    for sample in all { #expect(sample.image == moved(sample.label, down: 0, right: 0)) }
}

@Test func `the number of batches counts a smaller last one`() {
    #expect(BatchLoader.batches(count: 20, size: 20) == 1)
    #expect(BatchLoader.batches(count: 21, size: 20) == 2)
    #expect(BatchLoader.batches(count: 0, size: 20) == 0)
}

@Test(arguments: [0, 2])
func `seed and epoch decide the order and the shifts, and nothing else does`(shift: Int) {
    let data = images(count: 30)
    func order(_ seed: UInt64, _ number: Int, size: Int = 7, inBackground: Bool = false)
        -> [[Float]]
    {
        epoch(
            data, batchSize: size, shift: shift, seed: seed, epoch: number,
            isBackground: inBackground
        ).map(\.image)
    }
    #expect(order(1, 0) == order(1, 0))
    #expect(order(1, 5) == order(1, 5, inBackground: true))
    #expect(order(1, 0) == order(1, 0, size: 30))
    #expect(order(1, 0) != order(2, 0))
    #expect(order(1, 0) != order(1, 1))
}

@Test(arguments: [1, 2, 3, 5], [0, 1, 2, 6])
func `images of any number of channels are moved and mirrored`(channels: Int, limit: Int) {
    let data = images(count: 20, channels: channels)
    let range = -limit...limit
    var flipped = 0
    for number in 0..<10 {
        let samples = epoch(
            data, batchSize: 8, shift: limit, flips: true, seed: 4, epoch: number)
        for sample in samples {
            func isMoved(isFlipped: Bool) -> Bool {
                range.contains { down in
                    range.contains { right in
                        sample.image
                            == moved(
                                sample.label, down: down, right: right, isFlipped: isFlipped,
                                channels: channels)
                    }
                }
            }
            let isMirrored = isMoved(isFlipped: true)
            #expect(isMirrored || isMoved(isFlipped: false), "sample \(sample.label), seed 4")
            if isMirrored { flipped += 1 }
        }
    }
    // Of 200 coins, 70 to 130 show heads but for one time in 30,000; an image that was moved out of
    // sight counts both ways.
    #expect(flipped >= 70 && (flipped <= 130 || limit > 2), "\(flipped) of 200, seed 4")
}

@Test func `flips change neither the order nor, without shifts, anything else`() {
    let data = images(count: 30)
    let plain = epoch(data, batchSize: 7, seed: 1)
    let flipped = epoch(data, batchSize: 7, flips: true, seed: 1)
    #expect(plain.map(\.label) == flipped.map(\.label))
    #expect(plain.map(\.image) != flipped.map(\.image))
    let again = epoch(data, batchSize: 30, flips: true, seed: 1, isBackground: true)
    #expect(flipped.map(\.image) == again.map(\.image))
}

@Test(arguments: [1, 2, 5]) func `shifts stay within bounds and reach all of them`(limit: Int) {
    let data = images(count: 25)
    var seen: Set<[Int]> = []
    let range = -limit...limit
    for number in 0..<40 {
        for sample in epoch(data, batchSize: 25, shift: limit, seed: 4, epoch: number) {
            let shift = range.lazy.flatMap { down in range.map { [down, $0] } }.first {
                moved(sample.label, down: $0[0], right: $0[1]) == sample.image
            }
            #expect(shift != nil, "sample \(sample.label) of epoch \(number), seed 4")
            if let shift { seen.insert(shift) }
        }
    }
    // Beyond 3 rows or 4 columns all shifts look the same.
    if limit <= 2 { #expect(seen.count == range.count * range.count) }
}

@Test func `the extremes are those of the numbers that pixels stand for`() {
    let table = (0..<256).map { Float($0) }
    let falling = table.map { 10 - $0 }
    let images = LabelledImages(
        shape: [2, 1, 2], pixels: [3, 7, 1, 2, 4, 5, 30, 1], labels: [0, 1],
        values: [table, falling])
    #expect(images.extremes == [-20, 9])
    let none = LabelledImages(shape: [1, 1, 1], pixels: [], labels: [], values: [table])
    #expect(none.extremes == [])
}
