import Pruning
import Testing

@Suite struct `Layer allocation` {
    private let shapes = [[3, 3, 3, 16], [3, 3, 16, 32], [1, 1, 32, 64], [64, 10]]
    private let none = [false, false, false, false]

    private func kept(_ densities: [Double]) -> Double {
        let counts = shapes.map { Double($0.reduce(1, *)) }
        return zip(densities, counts).reduce(0) { $0 + $1.0 * $1.1 } / counts.reduce(0, +)
    }

    @Test(arguments: [0.01, 0.1, 0.37, 0.9, 1], [LayerAllocation.uniform, .erdosRenyiKernel])
    func `keeps the density over all layers`(density: Double, allocation: LayerAllocation) {
        let densities = allocation.densities(of: shapes, to: density, isDense: none)
        #expect(abs(kept(densities) - density) < 1e-12)
        #expect(densities.allSatisfy { (0...1).contains($0) })
    }

    @Test func `uniform is the same everywhere`() {
        #expect(
            LayerAllocation.uniform.densities(of: shapes, to: 0.25, isDense: none)
                == [0.25, 0.25, 0.25, 0.25])
    }

    /// Layers of 100 × 100 and 10 × 10: scores 200 / 10,000 and 20 / 100. At a density of 0.1 the sum
    /// 200 f + 20 f is 1,010, so that f = 4.59; the second layer has 0.92 of its weights.
    @Test func `ERK follows the sum of the sizes over their product`() {
        let densities = LayerAllocation.erdosRenyiKernel.densities(
            of: [[100, 100], [10, 10]], to: 0.1, isDense: [false, false])
        #expect(abs(densities[0] - 0.02 * 1010 / 220) < 1e-12)
        #expect(abs(densities[1] - 0.2 * 1010 / 220) < 1e-12)
    }

    @Test func `ERK fills a layer that would get more than all`() {
        let densities = LayerAllocation.erdosRenyiKernel.densities(
            of: [[100, 100], [10, 10]], to: 0.2, isDense: [false, false])
        #expect(densities[1] == 1)
        #expect(abs(densities[0] - (0.2 * 10100 - 100) / 10000) < 1e-12)
    }

    @Test func `dense layers keep all, and the others share what is left`() {
        let densities = LayerAllocation.uniform.densities(
            of: [[10, 10], [10, 10]], to: 0.6, isDense: [true, false])
        #expect(densities[0] == 1)
        #expect(abs(densities[1] - 0.2) < 1e-12)
        #expect(
            LayerAllocation.uniform.densities(
                of: [[10, 10], [10, 10]], to: 0.3, isDense: [true, false]) == [1, 0])
    }
}
