import Tensors

/// What operations make of shapes, whether the elements are known or not.
struct ShapeArithmetic {
    let node: ONNXNode

    init(_ node: ONNXNode) { self.node = node }

    /// An axis counted from the front.
    func axis(_ axis: Int, rank: Int) throws(ONNXProblem) -> Int {
        guard axis >= -rank, axis < rank else {
            throw .unfit(
                what: "axis", found: "\(axis)", expected: "one of the \(rank) axes of the input")
        }
        return axis < 0 ? axis + rank : axis
    }

    /// The sizes that `Shape` gives, between its attributes `start` and `end`.
    func section(of shape: [Int]) throws(ONNXProblem) -> [Int] {
        func bound(_ value: Int) -> Int {
            min(max(value < 0 ? value + shape.count : value, 0), shape.count)
        }
        let start = bound(try node.integer("start", default: 0))
        let end = bound(try node.integer("end", default: shape.count))
        return Array(shape[start..<max(start, end)])
    }

    func squeezed(_ shape: [Int], axes: [Int]?) throws(ONNXProblem) -> [Int] {
        var removed: Set<Int> = []
        if let axes {
            for axis in axes { removed.insert(try self.axis(axis, rank: shape.count)) }
        } else {
            removed = Set(shape.indices.filter { shape[$0] == 1 })
        }
        if let axis = removed.first(where: { shape[$0] != 1 }) {
            throw .unfit(
                what: "the size of axis \(axis)", found: "\(shape[axis])", expected: "1")
        }
        return shape.indices.filter { !removed.contains($0) }.map { shape[$0] }
    }

    func unsqueezed(_ shape: [Int], axes: [Int]) throws(ONNXProblem) -> [Int] {
        guard axes.count <= 16 else {
            throw .unfit(what: "the number of axes", found: "\(axes.count)", expected: "few")
        }
        let rank = shape.count + axes.count
        var added: Set<Int> = []
        for axis in axes { added.insert(try self.axis(axis, rank: rank)) }
        guard added.count == axes.count else {
            throw .unfit(what: "the axes", found: "\(axes)", expected: "different ones")
        }
        var rest = shape.makeIterator()
        return (0..<rank).map { added.contains($0) ? 1 : rest.next()! }
    }

    /// The shape that `Reshape` asks for: 0 keeps a size (unless `allowzero`), one −1 is found out.
    func reshaped(_ shape: [Int], to target: [Int]) throws(ONNXProblem) -> [Int] {
        let keepsZero = try node.flag("allowzero")
        var result = target
        for (axis, size) in target.enumerated() where size == 0 && !keepsZero && axis < shape.count
        {
            result[axis] = shape[axis]
        }
        func wrong() -> ONNXProblem {
            .unfit(
                what: "the new shape", found: "\(target)",
                expected: "one of as many elements as \(shape)")
        }
        let free = result.indices.filter { result[$0] == -1 }
        guard free.count <= 1, let count = elementCount(of: shape) else { throw wrong() }
        if let axis = free.first {
            result[axis] = 1
            guard let rest = elementCount(of: result), rest > 0, count % rest == 0 else {
                throw wrong()
            }
            result[axis] = count / rest
        }
        guard elementCount(of: result) == count else { throw wrong() }
        return result
    }

    /// Two dimensions: the product of the sizes before attribute `axis`, and that of the others.
    func flattened(_ shape: [Int]) throws(ONNXProblem) -> [Int] {
        let given = try node.integer("axis", default: 1)
        let axis = given == shape.count ? given : try axis(given, rank: shape.count)
        guard elementCount(of: shape) != nil else {
            throw .unfit(what: "the shape", found: "\(shape)", expected: "a real one")
        }
        return [shape[..<axis].reduce(1, *), shape[axis...].reduce(1, *)]
    }

    /// Attribute `perm`, by default all axes in reverse.
    func permutation(rank: Int) throws(ONNXProblem) -> [Int] {
        let order = try node.integers("perm") ?? Array((0..<rank).reversed())
        guard order.sorted() == Array(0..<rank) else {
            throw .unfit(
                what: "attribute 'perm'", found: "\(order)", expected: "an order of \(rank) axes")
        }
        return order
    }

    func broadcast(_ a: [Int], _ b: [Int]) throws(ONNXProblem) -> [Int] {
        let rank = max(a.count, b.count)
        guard rank <= ONNXTensorReader.largestRank else {
            throw .unfit(
                what: "the number of axes", found: "\(rank)",
                expected: "at most \(ONNXTensorReader.largestRank)")
        }
        func size(_ shape: [Int], _ axis: Int) -> Int {
            let index = axis - (rank - shape.count)
            return index < 0 ? 1 : shape[index]
        }
        var result: [Int] = []
        for axis in 0..<rank {
            let (x, y) = (size(a, axis), size(b, axis))
            guard x == y || x == 1 || y == 1, x >= 0, y >= 0 else {
                throw .unfit(
                    what: "the shapes of the inputs", found: "\(a) and \(b)",
                    expected: "equal sizes, or 1, in each axis")
            }
            result.append(x == 1 ? y : x)
        }
        return result
    }
}

/// What `Slice` takes along one axis: `count` positions from `start` on, `step` apart.
struct SliceCut: Equatable {
    var axis: Int
    var start: Int
    var step: Int
    var count: Int

    /// - Parameter inputs: the data (not looked at), starts, ends, and if given axes and steps.
    static func cuts(
        inputs: [ONNXConstant?], shape: [Int]
    ) throws(ONNXProblem) -> [SliceCut] {
        func values(_ index: Int, _ what: String) throws(ONNXProblem) -> [Int]? {
            guard index < inputs.count, let input = inputs[index] else { return nil }
            return try input.integers(of: what)
        }
        guard let starts = try values(1, "the starts"), let ends = try values(2, "the ends") else {
            throw .unfit(what: "starts and ends", found: "missing", expected: "constants")
        }
        let axes = try values(3, "the axes") ?? Array(starts.indices)
        let steps = try values(4, "the steps") ?? starts.map { _ in 1 }
        guard ends.count == starts.count, axes.count == starts.count, steps.count == starts.count
        else {
            throw .unfit(
                what: "the number of starts, ends, axes and steps",
                found: "\([starts.count, ends.count, axes.count, steps.count])",
                expected: "equal numbers")
        }
        var cuts: [SliceCut] = []
        for index in starts.indices {
            guard axes[index] >= -shape.count, axes[index] < shape.count else {
                throw .unfit(
                    what: "axis", found: "\(axes[index])",
                    expected: "one of the \(shape.count) axes of the input")
            }
            let axis = axes[index] < 0 ? axes[index] + shape.count : axes[index]
            guard !cuts.contains(where: { $0.axis == axis }) else {
                throw .unfit(what: "the axes", found: "\(axes)", expected: "different ones")
            }
            cuts.append(
                try SliceCut(
                    axis: axis, size: shape[axis], start: starts[index], end: ends[index],
                    step: steps[index]))
        }
        return cuts
    }

    private init(
        axis: Int, size: Int, start: Int, end: Int, step: Int
    ) throws(ONNXProblem) {
        guard step != 0, step.magnitude < 1 << 40 else {
            throw .unfit(what: "a step", found: "\(step)", expected: "one that is not 0")
        }
        func bound(_ value: Int, _ range: ClosedRange<Int>) -> Int {
            min(max(value < 0 ? value + size : value, range.lowerBound), range.upperBound)
        }
        self.axis = axis
        self.step = step
        guard size > 0 else {
            (self.start, count) = (0, 0)
            return
        }
        if step > 0 {
            self.start = bound(start, 0...size)
            count = max(0, (bound(end, 0...size) - self.start + step - 1) / step)
        } else {
            self.start = bound(start, 0...size - 1)
            count = max(0, (bound(end, -1...size - 1) - self.start + step + 1) / step)
        }
    }
}
