import Networks
import Tensors

/// `y = x + value`, with a value for each activation of the whole batch: its gradient is that of `x`,
/// so that a check of parameters checks gradients of inputs, too.
struct Offset: Layer {
    static let kind = "offset"
    var value: Parameter

    /// - Parameter shape: `[batch, ...]`
    init(shape: [Int]) { value = Parameter(Tensor(shape: shape), decays: false) }

    func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] { shapes[0] }

    func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y = x[0]
        y.add(value.effective)
    }

    mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        value.effectiveGradient = dy
        if wants[0] { inputGradients[0] = dy }
    }

    mutating func visitParameters(_ visit: (String, inout Parameter) -> Void) {
        visit("value", &value)
    }

    var state: SavedState { SavedState(kind: Self.kind) }
    init(state: SavedState) { self.init(shape: [0]) }
}

/// A trained value that stands where an input would, whatever it is given: layers of several inputs
/// get those of any shapes from it.
struct Source: Layer {
    static let kind = "source"
    var value: Parameter

    /// - Parameter value: `[batch, ...]`
    init(_ value: Tensor) { self.value = Parameter(value, decays: false) }

    func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        Array(value.effective.shape.dropFirst())
    }

    func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y.assign(value.effective)
    }

    mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        value.effectiveGradient.assign(dy)
    }

    mutating func visitParameters(_ visit: (String, inout Parameter) -> Void) {
        visit("value", &value)
    }

    var state: SavedState { SavedState(kind: Self.kind) }
    init(state: SavedState) { self.init(.empty) }
}

/// `y = a + 2 b`
struct WeightedSum: Layer {
    static let kind = "weighted-sum"
    init() {}

    func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] {
        guard shapes.count == 2, shapes[0] == shapes[1] else {
            throw .unfit(layer: Self.kind, found: shapes, expected: "two of one shape")
        }
        return shapes[0]
    }

    func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y = x[0]
        y.add(x[1])
        y.add(x[1])
    }

    mutating func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        if wants[0] { inputGradients[0] = dy }
        if wants[1] {
            inputGradients[1] = dy
            inputGradients[1].add(dy)
        }
    }

    var state: SavedState { SavedState(kind: Self.kind) }
    init(state: SavedState) {}
}

/// `y = x + 0.5`, as a quantizer without an exact zero: real zero becomes 0.5.
struct HalfUp: Layer {
    static let kind = "half-up"
    init() {}

    func outputShape(of shapes: [[Int]]) throws(ShapeError) -> [Int] { shapes[0] }

    func forward(_ x: [Tensor], into y: inout Tensor, pass: inout Pass) {
        y = Tensor(shape: x[0].shape, repeating: 0.5)
        y.add(x[0])
    }

    func backward(
        _ x: [Tensor], output: Tensor, outputGradient dy: inout Tensor,
        into inputGradients: inout [Tensor], wants: [Bool], pass: inout Pass
    ) {
        if wants[0] { inputGradients[0] = dy }
    }

    func paddingValue(behind value: Float) -> Float { value + 0.5 }
    var state: SavedState { SavedState(kind: Self.kind) }
    init(state: SavedState) {}
}

/// `effective = factor · value`, with a trained factor.
struct Scaling: Parametrization {
    static let kind = "scaling"
    var factor: Variable

    init(factor: Float) {
        self.factor = Variable(Tensor(shape: [1], elements: [factor]), decays: false)
    }

    func apply(to value: Tensor, into effective: inout Tensor, threads: Int) {
        for index in 0..<value.count { effective[index] = factor.value[0] * value[index] }
    }

    mutating func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor,
        threads: Int
    ) {
        factor.gradient[0] = 0
        for index in 0..<value.count {
            valueGradient[index] = factor.value[0] * effectiveGradient[index]
            factor.gradient[0] += value[index] * effectiveGradient[index]
        }
    }

    mutating func visitVariables(_ visit: (String, inout Variable) -> Void) {
        visit("factor", &factor)
    }

    var state: SavedState { SavedState(kind: Self.kind) }
    init(state: SavedState) { self.init(factor: 1) }
}

/// All rows of the effective matrix are the trained vector.
struct EqualRows: Parametrization {
    static let kind = "equal-rows"
    let rows: Int

    init(rows: Int) { self.rows = rows }

    func effectiveShape(of shape: [Int]) -> [Int] { [rows] + shape }

    func apply(to value: Tensor, into effective: inout Tensor, threads: Int) {
        for index in 0..<effective.count { effective[index] = value[index % value.count] }
    }

    func backpropagate(
        value: Tensor, effectiveGradient: Tensor, into valueGradient: inout Tensor,
        threads: Int
    ) {
        for index in 0..<value.count { valueGradient[index] = 0 }
        for index in 0..<effectiveGradient.count {
            valueGradient[index % value.count] += effectiveGradient[index]
        }
    }

    var state: SavedState { SavedState(kind: Self.kind) }
    init(state: SavedState) { self.init(rows: 1) }
}
