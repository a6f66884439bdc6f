import Tensors
import Testing
import Training

/// Images of 2 channels and 3×4 pixels that tell their own index: pixel 0 holds it.
private func images(count: Int) -> LabelledImages {
    let pixels = (0..<count).flatMap { index in (0..<24).map { UInt8(index + 1 + $0 * 3) } }
    return LabelledImages(
        shape: [2, 3, 4], pixels: pixels, labels: Array(0..<count),
        values: [(0...255).map { Float($0) }, (0...255).map { Float($0) + 1000 }])
}

/// All batches of an epoch, as images with labels.
private func epoch(
    _ data: LabelledImages, batchSize: Int, shift: Int = 0, seed: UInt64, epoch: Int = 0,
    isBackground: Bool = false
) -> [(image: [Float], label: Int)] {
    let loader = BatchLoader(
        data, batchSize: batchSize, maximalShift: shift, seed: seed, epoch: epoch,
        isBackground: isBackground)
    var (batch, all) = (Batch(), [(image: [Float], label: Int)]())
    for _ in 0..<BatchLoader.batches(count: data.count, size: batchSize) {
        loader.next(&batch)
        #expect(batch.images.shape == [batch.labels.count, 3, 4, 2])
        let elements = batch.images.elements
        for (slot, label) in batch.labels.enumerated() {
            all.append((Array(elements[slot * 24..<(slot + 1) * 24]), label))
        }
    }
    return all
}

/// An image moved by a shift, channels innermost; 0 comes in from outside.
private func moved(_ index: Int, down: Int, right: Int) -> [Float] {
    (0..<24).map { at in
        let (row, column, channel) = (at / 8 - down, at / 2 % 4 - right, at % 2)
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
