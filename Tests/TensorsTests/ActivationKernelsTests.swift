import CFloatKernels
import Foundation
import Tensors
import Testing

/// A function with its kernel, its value and its slope in `Double`.
private struct Function: CustomTestStringConvertible {
    let testDescription: String
    let function: ActivationFunction
    let kernel: cfk_activation
    let value: @Sendable (Double) -> Double
    let slope: @Sendable (Double) -> Double

    init(
        _ function: ActivationFunction, _ kind: cfk_activation_kind, a: Float = 0, b: Float = 0,
        _ value: @escaping @Sendable (Double) -> Double,
        slope: @escaping @Sendable (Double) -> Double
    ) {
        testDescription = "\(function)"
        self.function = function
        kernel = cfk_activation(kind: kind, a: a, b: b)
        self.value = value
        self.slope = slope
    }
}

@Sendable private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

@Sendable private func hardSigmoid(_ x: Double) -> Double { min(max(x / 6 + 0.5, 0), 1) }

private let functions = [
    Function(.identity, cfk_identity, { $0 }, slope: { _ in 1 }),
    Function(.relu, cfk_relu_function, { max($0, 0) }, slope: { $0 > 0 ? 1 : 0 }),
    Function(
        .relu6, cfk_clip, a: 0, b: 6, { min(max($0, 0), 6) }, slope: { $0 > 0 && $0 < 6 ? 1 : 0 }),
    Function(
        .clip(lowest: -1.5, highest: 2.5), cfk_clip, a: -1.5, b: 2.5, { min(max($0, -1.5), 2.5) },
        slope: { $0 > -1.5 && $0 < 2.5 ? 1 : 0 }),
    Function(
        .leakyReLU(slope: 0.125), cfk_leaky_relu, a: 0.125, { $0 > 0 ? $0 : $0 / 8 },
        slope: { $0 > 0 ? 1 : 0.125 }),
    Function(.sigmoid, cfk_sigmoid, sigmoid, slope: { sigmoid($0) * sigmoid(-$0) }),
    Function(
        .hardSigmoid, cfk_hard_sigmoid, hardSigmoid, slope: { abs($0) < 3 ? 1.0 / 6 : 0 }),
    Function(
        .silu, cfk_silu, { $0 * sigmoid($0) },
        slope: { sigmoid($0) + $0 * sigmoid($0) * sigmoid(-$0) }),
    Function(
        .hardSwish, cfk_hard_swish, { $0 * hardSigmoid($0) },
        slope: { $0 >= 3 ? 1 : $0 <= -3 ? 0 : $0 / 3 + 0.5 }),
]

/// Around zero, the kinks of all functions, the ends of what `exp` takes, and far beyond.
private let points: [Float] =
    (-40...40).map { Float($0) / 4 }
    + [-0.0, 1e-30, -1e-30, 16, -16, 20, -20, 86, -86, 87, -87, 88, -88, 89, -89, 100, -100]
    + [1e4, -1e4, 3e38, -3e38]

/// Each value rounds a few times; in the slopes of sigmoid and SiLU, `1 − s` keeps the 2⁻²⁴ to which `s`
/// is rounded, times an `x` of up to 16.
private func expect(
    _ found: Tensor, is expected: [Double], _ what: String,
    _ location: SourceLocation = #_sourceLocation
) {
    expect(found, isNear: expected, tolerance: { 2e-6 * abs($0) + 1e-7 }, what, location)
}

@Test(arguments: functions)
private func `activation functions and slopes are those of Double`(f: Function) {
    let x = Tensor(shape: [points.count], elements: points)
    let dy = Tensor(shape: x.shape, repeating: -0.75)
    let n = Int64(points.count)
    for isa in instructionSets {
        let y = run([x], shape: x.shape) { cfk_activate(isa, f.kernel, $0[0], $1, n) }
        expect(y, is: points.map { f.value(Double($0)) }, "\(name(isa)) y")
        let dx = run([x, dy], shape: x.shape) {
            cfk_activate_gradient(isa, f.kernel, $0[0], $0[1], $1, n)
        }
        expect(dx, is: points.map { -0.75 * f.slope(Double($0)) }, "\(name(isa)) dx")
    }
}

@Test(arguments: functions)
private func `activation functions work on any length`(f: Function) {
    var generator = SeededGenerator(seed: 1)
    for count in Array(0...40) + [64, 257] {
        let x = Tensor.random([count], using: &generator)
        let dy = Tensor.random([count], using: &generator)
        for isa in instructionSets {
            let y = run([x], shape: [count]) {
                cfk_activate(isa, f.kernel, $0[0], $1, Int64(count))
            }
            expect(y, is: x.elements.map { f.value(Double($0)) }, "\(name(isa)), \(count)")
            let dx = run([x, dy], shape: [count]) {
                cfk_activate_gradient(isa, f.kernel, $0[0], $0[1], $1, Int64(count))
            }
            let slopes = zip(x.elements, dy.elements).map { Double($1) * f.slope(Double($0)) }
            expect(dx, is: slopes, "\(name(isa)), \(count)")
        }
    }
}

@Test(arguments: functions)
private func `infinite values become the limits, and what is not a number stays so`(f: Function) {
    // The low bits of the last one would turn the exponent of `exp` into that of a number.
    let x = Tensor(
        shape: [4],
        elements: [.infinity, -.infinity, .nan, Float(nan: 0x1ff, signaling: false)])
    let ones = Tensor(shape: [4], repeating: 1)
    // Far out each function is as good as its limit, or as infinite as its argument.
    let limits = [1e30, -1e30].map { x -> Float in
        let y = f.value(x)
        return abs(y) > 1e20 ? (y > 0 ? .infinity : -.infinity) : Float(y)
    }
    for isa in instructionSets {
        let y = run([x], shape: [4]) { cfk_activate(isa, f.kernel, $0[0], $1, 4) }
        for index in 0...1 {
            let isLimit = y[index] == limits[index] || abs(y[index] - limits[index]) < 1e-30
            #expect(isLimit, "\(name(isa)): f(\(x[index])) = \(y[index])")
        }
        #expect(y[2].isNaN && y[3].isNaN, "\(name(isa))")
        let dx = run([x, ones], shape: [4]) {
            cfk_activate_gradient(isa, f.kernel, $0[0], $0[1], $1, 4)
        }
        #expect(abs(Double(dx[0]) - f.slope(1e30)) < 1e-30, "\(name(isa)): slope \(dx[0])")
        #expect(abs(Double(dx[1]) - f.slope(-1e30)) < 1e-30, "\(name(isa)): slope \(dx[1])")
    }
}

/// Longer than the part that one thread takes.
@Test func `activation functions are the same for any thread count`() {
    var generator = SeededGenerator(seed: 2)
    let x = Tensor.random([3, 70_001], using: &generator)
    let dy = Tensor.random(x.shape, using: &generator)
    func results(threads: Int) -> [Tensor] {
        var (y, dx) = (Tensor.poisoned(x.shape), Tensor.poisoned(x.shape))
        y.assign(.silu, of: x, threads: threads)
        dx.assign(dy)
        dx.multiply(byDerivativeOf: .silu, at: x, threads: threads)
        return [y, dx]
    }
    let first = results(threads: 1)
    for threads in 2...3 { #expect(results(threads: threads) == first) }
    let last = Double(x[x.count - 1])
    #expect(abs(Double(first[0][x.count - 1]) - last * sigmoid(last)) < 1e-6)
}
