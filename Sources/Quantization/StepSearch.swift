import Networks
import Tensors

/// Which way steps should go to fit the values better, found anew from time to time.
struct StepSearch: Sendable, Equatable {
    /// For each step: 1 to shrink, −1 to grow, 0 to stay; the signs of a gradient.
    var directions: [Float]
    /// Training steps until the next probe.
    var stepsLeft = 0

    init(steps: Int) { directions = [Float](repeating: 0, count: steps) }

    /// Counts a training step, and looks for the directions where it is time.
    /// - Parameter steps: `[1]`, or `[outputs]` for values `[..., outputs]`.
    mutating func advance(
        _ values: Tensor, grid: UniformGrid, steps: [Float], probe: GradientRule.Probe
    ) {
        if stepsLeft == 0 {
            for (output, step) in steps.enumerated() {
                var grid = grid
                grid.step = step
                directions[output] = grid.direction(
                    ratio: probe.ratio,
                    for: sample(
                        values, output, of: steps.count, atMost: probe.sampleSize / steps.count))
            }
            stepsLeft = probe.interval
        }
        stepsLeft -= 1
    }

    /// The gradient of a step.
    /// - Parameter learned: that of the loss, scaled.
    func gradient(
        _ index: Int, step: Float, amplitude: GradientRule.Amplitude, sums: GradientSums,
        learned: Float
    ) -> Float {
        switch amplitude {
        case .squaredStep: directions[index] * step * step
        case .learned: directions[index] * abs(learned)
        case .balanced:
            sums.valueSquares > 0
                ? directions[index] * step
                    * Float((sums.gradientSquares / sums.valueSquares).squareRoot()) : 0
        }
    }

    /// Evenly spread values of one output.
    private func sample(
        _ values: Tensor, _ output: Int, of outputs: Int, atMost count: Int
    ) -> [Float] {
        let rows = values.count / outputs
        let interval = max(1, (rows + max(count, 1) - 1) / max(count, 1))
        return values.withUnsafeElements { values in
            stride(from: output, to: rows * outputs, by: interval * outputs).map { values[$0] }
        }
    }
}

extension UniformGrid {
    /// Which way the step should go: 1 to shrink, −1 to grow, 0 to stay, by the squared errors at
    /// `step / ratio`, `step` and `step · ratio` (the simulated gradient of LLSQ). Where both
    /// neighbours are better, the better one counts.
    func direction(ratio: Float, for values: [Float]) -> Float {
        func error(_ factor: Float) -> Double {
            var grid = self
            grid.step *= factor
            return grid.squaredError(of: values)
        }
        let (smaller, own, larger) = (error(1 / ratio), error(1), error(ratio))
        switch (smaller <= own, larger <= own) {
        case (false, false): return 0
        case (true, false): return 1
        case (false, true): return -1
        case (true, true): return larger >= smaller ? 1 : -1
        }
    }
}
