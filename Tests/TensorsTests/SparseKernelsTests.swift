import CFloatKernels
import Tensors
import Testing

struct SparseKernelsTests {
    /// Rows of 0...9 weights, all lengths around those of vectors and tiles.
    @Test(arguments: instructionSets)
    func `sparse rows times planes are the sums of their terms`(isa: cfk_isa) {
        var generator = SeededGenerator(seed: 5)
        let (rows, planes) = (10, 12)
        let starts = (0...rows).map { UInt32($0 * ($0 - 1) / 2) }
        let count = Int(starts[rows])
        for length in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97] {
            for step in [1, length + 3] {
                let offsets = (0..<count).map { _ in UInt32.random(in: 0..<12, using: &generator) }
                let weights = Tensor.random([count], using: &generator)
                let bias = Tensor.random([rows], using: &generator)
                let x = Tensor.random([planes * step + length], using: &generator)
                let (first, last, pitch) = (2, 9, length + 1)
                let y = run([weights, bias, x], shape: [rows, pitch]) { inputs, y in
                    starts.withUnsafeBufferPointer { starts in
                        offsets.withUnsafeBufferPointer { offsets in
                            var sparse = cfk_sparse(
                                starts: starts.baseAddress, offsets: offsets.baseAddress,
                                weights: inputs[0])
                            cfk_sparse_forward(
                                isa, &sparse, inputs[1], inputs[2], Int64(step), Int64(first),
                                Int64(last), Int64(length), y, Int64(pitch))
                        }
                    }
                }
                #expect(y.hasIntactPoison)
                for row in 0..<rows {
                    for place in 0..<pitch {
                        let value = y[row * pitch + place]
                        guard first..<last ~= row, place < length else {
                            #expect(value.isNaN, "\(row), \(place)")
                            continue
                        }
                        var sum = Double(bias[row])
                        for i in Int(starts[row])..<Int(starts[row + 1]) {
                            sum += Double(weights[i]) * Double(x[Int(offsets[i]) * step + place])
                        }
                        // Ten terms of at most 1, and their roundings.
                        #expect(abs(Double(value) - sum) < 3e-6, "\(length), \(row), \(place)")
                    }
                }
            }
        }
    }

    @Test(arguments: instructionSets)
    func `a sum does not depend on how many positions there are`(isa: cfk_isa) {
        var generator = SeededGenerator(seed: 6)
        let weights = Tensor.random([37], using: &generator)
        let bias = Tensor.random([1], using: &generator)
        let x = Tensor.random([37 * 70], using: &generator)
        let (starts, offsets): ([UInt32], [UInt32]) = ([0, 37], (0..<37).map { $0 })
        func sums(_ length: Int) -> [Float] {
            run([weights, bias, x], shape: [length]) { inputs, y in
                starts.withUnsafeBufferPointer { starts in
                    offsets.withUnsafeBufferPointer { offsets in
                        var sparse = cfk_sparse(
                            starts: starts.baseAddress, offsets: offsets.baseAddress,
                            weights: inputs[0])
                        cfk_sparse_forward(
                            isa, &sparse, inputs[1], inputs[2], 70, 0, 1, Int64(length), y, 70)
                    }
                }
            }.elements
        }
        let all = sums(70)
        for length in 1..<70 { #expect(sums(length) == Array(all[..<length])) }
    }
}
