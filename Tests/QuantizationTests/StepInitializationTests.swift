import Quantization
import Tensors
import Testing

struct StepInitializationTests {
    func normal(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in generator.normal() }
    }

    func squaredError(_ values: [Float], _ counts: [Int]?, _ grid: UniformGrid, step: Float)
        -> Double
    {
        var grid = grid
        grid.step = step
        let codes = grid.codes(of: Tensor(shape: [values.count], elements: values))
        return values.indices.reduce(0) {
            let error = Double(step * Float(codes[$1])) - Double(values[$1])
            return $0 + Double(counts?[$1] ?? 1) * error * error
        }
    }

    @Test(arguments: 2...8, [false, true])
    func `least squares is within 2 percent of a dense search over steps`(bits: Int, isNarrow: Bool)
    {
        let grid = UniformGrid(bits: bits, isSigned: true, isNarrow: isNarrow)
        let values = normal(3000, seed: UInt64(bits))
        let found = squaredError(
            values, nil, grid, step: StepInitialization.leastSquares.step(for: values, grid: grid))
        let peak = values.map(abs).max()!
        let best = (1...300).map {
            squaredError(values, nil, grid, step: peak / grid.highest * Float($0) / 240)
        }.min()!
        #expect(found <= best * 1.02)
    }

    @Test(arguments: StepInitialization.allCases, [2, 4, 8])
    func `a centroid weighs as much as its members`(
        initialization: StepInitialization, bits: Int
    ) {
        let grid = UniformGrid(bits: bits, isSigned: true)
        let (centroids, counts) = ([-0.8, -0.21, 0.13, 0.52, 1.4] as [Float], [3, 50, 41, 17, 2])
        let members = zip(centroids, counts).flatMap { [Float](repeating: $0, count: $1) }
        let shared = initialization.step(for: centroids, counts: counts, grid: grid)
        let plain = initialization.step(for: members, grid: grid)
        #expect(abs(shared - plain) <= 1e-5 * plain)
    }

    @Test(arguments: StepInitialization.allCases)
    func `pruned weights do not count`(initialization: StepInitialization) {
        let grid = UniformGrid(bits: 4, isSigned: true)
        let values = normal(500, seed: 1)
        let pruned = values.flatMap { [$0, 0, 0, 0] as [Float] }
        #expect(
            initialization.step(for: values, grid: grid)
                == initialization.step(for: pruned, grid: grid))
        #expect(initialization.step(for: [0, 0], grid: grid) == 1)
    }

    @Test func `the largest weight becomes the highest code`() {
        let grid = UniformGrid(bits: 8, isSigned: true)
        let step = StepInitialization.maximum.step(for: [0.3, -2.54, 1], grid: grid)
        #expect(step == 2.54 / 127)
    }
}
