import CFloatKernels
import Tensors
import Testing

/// Counts around the lengths of vectors.
private let channelCounts = [1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64]

/// A tensor whose values tell their places.
private func numbered(_ shape: [Int]) -> Tensor {
    var x = Tensor.poisoned(shape)
    for index in 0..<x.count { x[index] = Float(index + 1) }
    return x
}

@Test(arguments: channelCounts, [1, 2, 3, 8])
func `shuffled channels are those of a transposed matrix`(size: Int, groups: Int) {
    let (positions, channels) = (5, size * groups)
    let x = numbered([positions, channels])
    let expected = (0..<x.count).map { index in
        let (position, channel) = (index / channels, index % channels)
        return x[position * channels + channel % groups * size + channel / groups]
    }
    for isa in instructionSets {
        func shuffled(_ x: Tensor, _ groups: Int, _ size: Int) -> Tensor {
            run([x], shape: x.shape) {
                cfk_shuffle(isa, $0[0], Int64(positions), Int64(groups), Int64(size), $1)
            }
        }
        let y = shuffled(x, groups, size)
        #expect(y.elements == expected, "\(name(isa))")
        let back = shuffled(y, size, groups)
        #expect(back == x, "\(name(isa))")
        #expect(y.hasIntactPoison && back.hasIntactPoison, "\(name(isa))")
    }
}

@Test(arguments: channelCounts, 1...2)
func `channels are copied at every position, and nothing else`(count: Int, threads: Int) {
    for (before, behind, first, last) in [(0, 0, 0, 0), (2, 0, 0, 3), (1, 5, 4, 1), (0, 1, 2, 0)] {
        let (from, to) = (before + count + behind, first + count + last)
        let x = numbered([3, 2, 2, from])
        var y = Tensor(shape: [3, 2, 2, to], repeating: -1)
        y.assignChannels(before..<before + count, of: x, at: first, threads: threads)
        let expected = (0..<y.count).map { index in
            let (position, channel) = (index / to, index % to - first)
            return (0..<count).contains(channel) ? x[position * from + before + channel] : -1
        }
        #expect(y.elements == expected)
        y.assignChannels(
            before..<before + count, of: x, at: first, clearsOthers: true, threads: threads)
        #expect(y.elements == expected.map { $0 == -1 ? 0 : $0 })
    }
}

@Test(arguments: [1, 3, 16, 17], 1...2)
func `padded images hold the image and a value around it`(channels: Int, threads: Int) {
    for (top, left, bottom, right) in [(0, 0, 0, 0), (1, 0, 0, 0), (0, 2, 1, 0), (2, 1, 0, 3)] {
        let (height, width) = (2 + top + bottom, 3 + left + right)
        let x = numbered([2, 2, 3, channels])
        var y = Tensor.poisoned([2, height, width, channels])
        y.assignPadded(x, top: top, left: left, value: -0.5, threads: threads)
        let expected = (0..<y.count).map { index -> Float in
            let (position, channel) = (index / channels, index % channels)
            let (row, column) = (position / width % height - top, position % width - left)
            let image = position / width / height
            let isInside = (0..<2).contains(row) && (0..<3).contains(column)
            let from = ((image * 2 + row) * 3 + column) * channels + channel
            return isInside ? x[from] : -0.5
        }
        #expect(y.elements == expected)
        var back = Tensor.poisoned(x.shape)
        back.assignCropped(y, top: top, left: left, threads: threads)
        #expect(back == x)
        #expect(y.hasIntactPoison && back.hasIntactPoison)
    }
}

/// Large enough that threads are woken.
@Test func `moved values are the same for any thread count`() {
    let x = numbered([5, 11, 17, 2 * 48])
    func results(threads: Int) -> [Tensor] {
        var (part, whole, wide) = (
            Tensor.poisoned([5, 11, 17, 70]), Tensor.poisoned(x.shape),
            Tensor.poisoned([5, 13, 19, 96])
        )
        part.assignChannels(3..<50, of: x, at: 10, clearsOthers: true, threads: threads)
        whole.assignShuffled(x, groups: 2, threads: threads)
        wide.assignPadded(x, top: 1, left: 2, value: 7, threads: threads)
        return [part, whole, wide]
    }
    let first = results(threads: 1)
    for threads in 2...3 { #expect(results(threads: threads) == first) }
    #expect(first[1][1] == 49)
}

@Test func `channels that do not exist stop the program`() async {
    await #expect(processExitsWith: .failure) {
        var y = Tensor(shape: [1, 3])
        y.assignChannels(0..<3, of: Tensor(shape: [1, 3]), at: 1, threads: 1)
    }
    await #expect(processExitsWith: .failure) {
        var y = Tensor(shape: [1, 1, 2, 1])
        y.assignCropped(Tensor(shape: [1, 1, 3, 1]), top: 0, left: 2, threads: 1)
    }
}
