import Tensors

/// A tensor whose elements are known while importing: weights, and what shapes are computed from.
struct ONNXConstant: Equatable, Sendable {
    /// Row-major. Booleans are the integers 0 and 1.
    enum Elements: Equatable, Sendable {
        case floats([Float])
        case integers([Int])
    }

    var shape: [Int]
    var elements: Elements

    init(shape: [Int], elements: Elements) {
        self.shape = shape
        self.elements = elements
    }

    init(shape: [Int], integers: [Int]) {
        self.init(shape: shape, elements: .integers(integers))
    }

    /// A vector.
    init(_ integers: [Int]) { self.init(shape: [integers.count], integers: integers) }

    var count: Int {
        switch elements {
        case .floats(let values): values.count
        case .integers(let values): values.count
        }
    }

    var floats: [Float] {
        switch elements {
        case .floats(let values): values
        case .integers(let values): values.map { Float($0) }
        }
    }

    /// The elements if they are integers.
    func integers(of what: String) throws(ONNXProblem) -> [Int] {
        guard case .integers(let values) = elements else {
            throw .unfit(what: what, found: "a tensor of floats", expected: "integers")
        }
        return values
    }

    /// The only element.
    func float(of what: String) throws(ONNXProblem) -> Float {
        guard count == 1 else {
            throw .unfit(what: what, found: "of shape \(shape)", expected: "one number")
        }
        return floats[0]
    }

    /// The only element, an integer.
    func integer(of what: String) throws(ONNXProblem) -> Int {
        let values = try integers(of: what)
        guard values.count == 1 else {
            throw .unfit(what: what, found: "of shape \(shape)", expected: "one integer")
        }
        return values[0]
    }

    /// The elements at `offset + Σ index · stride`, for every index of `shape`: a transpose, a slice,
    /// or with a stride of 0 a repetition. All positions are within the elements.
    func strided(shape: [Int], offset: Int = 0, strides: [Int]) -> ONNXConstant {
        switch elements {
        case .floats(let values):
            ONNXConstant(
                shape: shape,
                elements: .floats(Self.walk(values, shape: shape, offset: offset, strides: strides))
            )
        case .integers(let values):
            ONNXConstant(
                shape: shape,
                integers: Self.walk(values, shape: shape, offset: offset, strides: strides))
        }
    }

    private static func walk<Element>(
        _ elements: [Element], shape: [Int], offset: Int, strides: [Int]
    ) -> [Element] {
        let count = shape.reduce(1, *)
        var result: [Element] = []
        result.reserveCapacity(count)
        var index = [Int](repeating: 0, count: shape.count)
        var position = offset
        for _ in 0..<count {
            result.append(elements[position])
            for axis in shape.indices.reversed() {
                index[axis] += 1
                position += strides[axis]
                if index[axis] < shape[axis] { break }
                position -= strides[axis] * shape[axis]
                index[axis] = 0
            }
        }
        return result
    }

    /// The steps from one element to the next along each axis.
    static func strides(of shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * shape[axis + 1]
        }
        return strides
    }
}

/// How many elements may be made of a file, so that a small one can not ask for much memory.
struct ImportBudget {
    /// Always granted: 64 MiB of floats.
    static let smallest = 1 << 24
    /// A weight is read, perhaps transposed, and becomes a layer's; some layers share one.
    static let factor = 6

    let limit: Int
    private var used = 0

    /// - Parameter stored: the elements of all initializers and `Constant` nodes.
    init(stored: Int) {
        let (product, overflow) = stored.multipliedReportingOverflow(by: Self.factor)
        limit = overflow ? Int.max : max(Self.smallest, product)
    }

    /// Throws unless a tensor of this shape may still be made.
    mutating func take(_ shape: [Int], for what: String) throws(ONNXProblem) {
        guard let count = elementCount(of: shape), count <= limit - used else {
            throw .tooLarge(what: what, shape: shape, limit: limit)
        }
        used += count
    }
}
