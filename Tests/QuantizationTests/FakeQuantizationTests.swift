import CFloatKernels
import PackedModel
import Quantization
import Tensors
import Testing

/// The instruction sets that this machine can run, as raw values of `cfk_isa`.
let instructionSets = (0...2 as ClosedRange<UInt32>).filter { $0 <= cfk_best_isa().rawValue }

struct FakeQuantizationTests {
    /// Normal numbers and, at odd places, exact ties and grid values.
    func values(_ count: Int, seed: UInt64, step: Float, offset: Float = 0) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { index in
            let x = 3 * generator.normal()
            if index % 7 == 3 { return step * (x.rounded() + 0.5) + offset }
            if index % 7 == 5 { return step * (4 * x).rounded() + offset }
            return x
        }
    }

    func kernelGrid(_ grid: UniformGrid) -> cfk_grid {
        cfk_grid(
            step: grid.step, offset: grid.offset, lowest: grid.lowest, highest: grid.highest)
    }

    @Test(arguments: 2...8, [false, true])
    func `codes are those of the engine's quantizer`(bits: Int, isSigned: Bool) {
        for (step, offset) in [(0.25, 0), (0.1, 0), (0.0371, -0.278), (1.7, 0.3)]
            as [(Float, Float)]
        {
            let packed = PackedQuantizer(
                bits: bits, isSigned: isSigned, scale: step, offset: offset)
            let x = values(2000, seed: UInt64(bits), step: step, offset: offset)
            let grid = UniformGrid(bits: bits, isSigned: isSigned, step: step, offset: offset)
            let tensor = Tensor(shape: [x.count], elements: x)
            let codes = grid.codes(of: tensor)
            #expect(codes == x.map(packed.code))
            var result = Tensor(shape: tensor.shape)
            grid.fakeQuantize(tensor, into: &result)
            #expect(result.elements == codes.map { step * Float($0) + offset })
        }
    }

    /// Values and gradients by the formulas, one element at a time.
    func slow(
        _ grid: UniformGrid, _ x: [Float], _ dy: [Float]
    ) -> (y: [Float], dx: [Float], step: Double, offset: Double) {
        var (y, dx, step, offset) = ([Float](), [Float](), 0.0, 0.0)
        for (x, dy) in zip(x, dy) {
            let u = (x - grid.offset) / grid.step
            let code = min(max(u, grid.lowest), grid.highest).rounded(.toNearestOrEven)
            let isInside = grid.lowest < u && u < grid.highest
            y.append(grid.step * code + grid.offset)
            dx.append(isInside ? dy : 0)
            step += Double(dy) * Double(isInside ? code - u : code)
            offset += isInside ? 0 : Double(dy)
        }
        return (y, dx, step, offset)
    }

    @Test(arguments: instructionSets)
    func `kernels agree with the formulas at every length`(isa: UInt32) {
        let isa = cfk_isa(rawValue: isa)
        let grid = UniformGrid(bits: 4, isSigned: true, step: 0.31)
        for count in Array(0...40) + [1009] {
            var x = values(count, seed: 1, step: grid.step)
            if count > 2 { x[2] = 0 }
            let dy = values(count, seed: 2, step: 1)
            let expected = slow(grid, x, dy)
            var (y, dx, sums) = (x, x, [0.0, 0.0])
            var codes = [Int32](repeating: 99, count: count)
            cfk_fake_quantize(isa, kernelGrid(grid), x, &y, Int64(count))
            cfk_quantization_codes(isa, kernelGrid(grid), x, &codes, Int64(count))
            cfk_fake_quantize_gradient(
                isa, kernelGrid(grid), x, dy, &dx, Int64(count), &sums)
            #expect(y == expected.y && dx == expected.dx, "\(count) elements")
            #expect(codes.map { grid.step * Float($0) } == y, "\(count) elements")
            // Lanes are summed in Float.
            let size = 1e-5 * (1 + dy.reduce(0) { $0 + Double(abs($1)) } * 8)
            #expect(abs(sums[0] - expected.step) < size && abs(sums[1] - expected.offset) < size)
            var same = dy  // in place, and without the gradient of x
            var sumsAlone = [0.0, 0.0]
            let source = dy
            same.withUnsafeMutableBufferPointer {
                cfk_fake_quantize_gradient(
                    isa, kernelGrid(grid), x, $0.baseAddress, $0.baseAddress, Int64(count), &sums)
            }
            cfk_fake_quantize_gradient(
                isa, kernelGrid(grid), x, source, nil, Int64(count), &sumsAlone)
            #expect(same == dx && sums == sumsAlone)
        }
    }

    @Test(arguments: instructionSets)
    func `every instruction set gives the same bits`(isa: UInt32) {
        let grid = kernelGrid(UniformGrid(bits: 5, isSigned: false, step: 0.17, offset: -0.3))
        let (x, dy) = (values(8191, seed: 4, step: 0.17), values(8191, seed: 5, step: 1))
        func run(_ isa: cfk_isa) -> (y: [Float], dx: [Float], sums: [Double]) {
            var (y, dx, sums) = (x, x, [0.0, 0.0])
            cfk_fake_quantize(isa, grid, x, &y, 8191)
            cfk_fake_quantize_gradient(isa, grid, x, dy, &dx, 8191, &sums)
            return (y, dx, sums)
        }
        let (found, expected) = (run(cfk_isa(rawValue: isa)), run(cfk_generic))
        #expect(found.y == expected.y && found.dx == expected.dx && found.sums == expected.sums)
    }

    @Test(arguments: [2, 3, 5]) func `the number of threads changes no bit`(threads: Int) {
        let count = UniformGrid.testedParallelCount
        let grid = UniformGrid(bits: 4, isSigned: false, step: 0.4, offset: -0.2)
        let x = Tensor(shape: [count], elements: values(count, seed: 1, step: 0.4))
        let dy = Tensor(shape: [count], elements: values(count, seed: 2, step: 1))
        func run(_ threads: Int) -> (y: Tensor, dx: Tensor, step: Double, offset: Double) {
            var (y, dx) = (Tensor(shape: x.shape), Tensor(shape: x.shape))
            grid.fakeQuantize(x, into: &y, threads: threads)
            let sums = grid.backpropagate(x, resultGradient: dy, into: &dx, threads: threads)
            return (y, dx, sums.step, sums.offset)
        }
        let (one, several) = (run(1), run(threads))
        #expect(one.y == several.y && one.dx == several.dx)
        #expect(one.step == several.step && one.offset == several.offset)
    }

    /// The surrogate holds the rounding error `c = round(clip(u)) − clip(u)` and differentiates
    /// `step · (clip((x − offset) / step) + c) + offset`, of which the formulas are the derivative.
    @Test(arguments: 2...8, ActivationScheme.allCases)
    func `gradients are those of the function with its rounding errors held`(
        bits: Int, scheme: ActivationScheme
    ) {
        let offset: Float = scheme.hasOffset ? -0.4 : 0
        let grid = UniformGrid(
            bits: bits, isSigned: scheme.isSigned, step: 5 / exp2(Float(bits)), offset: offset)
        var generator = SeededGenerator(seed: UInt64(bits))
        let x = (0..<200).map { _ in 2 * generator.normal() }
        let dy = (0..<200).map { _ in generator.normal() }
        let (n, p) = (Double(grid.lowest), Double(grid.highest))
        func clip(_ x: Double, _ s: Double, _ b: Double) -> Double { min(max((x - b) / s, n), p) }
        let (s, b) = (Double(grid.step), Double(grid.offset))
        let held = x.map { clip(Double($0), s, b) }.map { $0.rounded(.toNearestOrEven) - $0 }
        func loss(_ s: Double, _ b: Double) -> Double {
            x.indices.reduce(0) {
                $0 + Double(dy[$1]) * (s * (clip(Double(x[$1]), s, b) + held[$1]) + b)
            }
        }
        var dx = Tensor(shape: [200])
        let sums = grid.backpropagate(
            Tensor(shape: [200], elements: x), resultGradient: Tensor(shape: [200], elements: dy),
            into: &dx)
        let h = 1e-7
        let byStep = (loss(s + h, b) - loss(s - h, b)) / (2 * h)
        #expect(abs(sums.step - byStep) < 1e-4 * (1 + abs(byStep)))
        let byOffset = (loss(s, b + h) - loss(s, b - h)) / (2 * h)
        #expect(abs(sums.offset - byOffset) < 1e-4 * (1 + abs(byOffset)))
        for index in x.indices {
            let at = Double(x[index])
            let slope = s * (clip(at + h, s, b) - clip(at - h, s, b)) / (2 * h)
            #expect(abs(Double(dx[index]) - slope * Double(dy[index])) < 1e-4)
        }
    }

    @Test(arguments: [2, 4, 8], [false, true])
    func `exact hits of the ends count as clipped`(bits: Int, isSigned: Bool) {
        let grid = UniformGrid(bits: bits, isSigned: isSigned, step: 0.5)
        let x = Tensor(shape: [2], elements: [grid.lowest * 0.5, grid.highest * 0.5])
        var dx = Tensor(shape: [2])
        let sums = grid.backpropagate(
            x, resultGradient: Tensor(shape: [2], repeating: 1), into: &dx)
        #expect(dx.elements == [0, 0])
        #expect(sums.step == Double(grid.lowest + grid.highest) && sums.offset == 2)
    }
}

extension UniformGrid {
    /// Enough for several threads, and not a whole number of chunks.
    static let testedParallelCount = (1 << 18) + 12345
}

private func exp2(_ x: Float) -> Float { Float(sign: .plus, exponent: Int(x), significand: 1) }
