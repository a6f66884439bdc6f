/// Computes operations whose inputs are all known: the shape arithmetic of exporters.
struct ConstantFolding {
    let node: ONNXNode
    let operation: ONNXOperation
    let inputs: [ONNXConstant?]

    /// The result, or `nil` for an operation that is not computed while importing.
    func result(_ budget: inout ImportBudget) throws(ONNXProblem) -> ONNXConstant? {
        switch operation {
        case .add, .sub, .mul, .div, .min, .max, .equal: try arithmetic(&budget)
        case .cast: try cast(to: node.integer("to", default: 0))
        case .castLike:
            try cast(to: input(1).isFloat ? 1 : 7)
        case .ceil: try eachFloat { $0.rounded(.up) }
        case .floor: try eachFloat { $0.rounded(.down) }
        case .clip: try clip()
        case .concat: try concat(&budget)
        case .dequantizeLinear: try dequantized(&budget)
        case .expand: try expand(&budget)
        case .flatten: try flatten()
        case .gather: try gather(&budget)
        case .identity: try input(0)
        case .range: try range(&budget)
        case .reshape: try reshape()
        case .shape: ONNXConstant(try ShapeArithmetic(node).section(of: input(0).shape))
        case .size: ONNXConstant(shape: [], integers: [try input(0).count])
        case .slice: try slice(&budget)
        case .squeeze:
            try input(0).reshaped(
                ShapeArithmetic(node).squeezed(input(0).shape, axes: axes(at: 1)))
        case .transpose: try transpose(&budget)
        case .unsqueeze:
            try input(0).reshaped(
                ShapeArithmetic(node).unsqueezed(input(0).shape, axes: axes(at: 1) ?? []))
        case .where: try choose(&budget)
        default: nil
        }
    }

    private func input(_ index: Int) throws(ONNXProblem) -> ONNXConstant {
        guard index < inputs.count, let input = inputs[index] else {
            throw .unfit(what: "input \(index)", found: "missing", expected: "a tensor")
        }
        return input
    }

    private func axes(at index: Int) throws(ONNXProblem) -> [Int]? {
        guard index < inputs.count, let axes = inputs[index] else { return nil }
        return try axes.integers(of: "axes")
    }

    // MARK: Element by element

    private func arithmetic(_ budget: inout ImportBudget) throws(ONNXProblem) -> ONNXConstant {
        let (left, right) = (try input(0), try input(1))
        guard inputs.count == 2 else {
            throw .unfit(what: "the number of inputs", found: "\(inputs.count)", expected: "2")
        }
        let shape = try ShapeArithmetic(node).broadcast(left.shape, right.shape)
        // Operands of the result's shape are not copied.
        for operand in [left, right] where operand.shape != shape {
            try budget.take(shape, for: "an operand")
        }
        let (a, b) = (left.broadcast(to: shape), right.broadcast(to: shape))
        switch (a.elements, b.elements) {
        case (.integers(let a), .integers(let b)):
            var result: [Int] = []
            result.reserveCapacity(a.count)
            for (a, b) in zip(a, b) { result.append(try integer(a, b)) }
            return ONNXConstant(shape: shape, integers: result)
        default:
            let pairs = zip(a.floats, b.floats)
            if operation == .equal {
                return ONNXConstant(shape: shape, integers: pairs.map { $0 == $1 ? 1 : 0 })
            }
            return ONNXConstant(shape: shape, elements: .floats(pairs.map(float)))
        }
    }

    private func integer(_ a: Int, _ b: Int) throws(ONNXProblem) -> Int {
        let (value, overflow) =
            switch operation {
            case .add: a.addingReportingOverflow(b)
            case .sub: a.subtractingReportingOverflow(b)
            case .mul: a.multipliedReportingOverflow(by: b)
            case .div: a.dividedReportingOverflow(by: b)
            case .min: (Swift.min(a, b), false)
            case .max: (Swift.max(a, b), false)
            default: (a == b ? 1 : 0, false)
            }
        guard !overflow else {
            throw .unfit(
                what: "the result for \(a) and \(b)", found: "no 64-bit integer",
                expected: "one")
        }
        return value
    }

    private func float(_ a: Float, _ b: Float) -> Float {
        switch operation {
        case .add: a + b
        case .sub: a - b
        case .mul: a * b
        case .div: a / b
        case .min: Swift.min(a, b)
        default: Swift.max(a, b)
        }
    }

    private func eachFloat(_ body: (Float) -> Float) throws(ONNXProblem) -> ONNXConstant {
        let input = try input(0)
        guard case .floats(let values) = input.elements else { return input }
        return ONNXConstant(shape: input.shape, elements: .floats(values.map(body)))
    }

    private func clip() throws(ONNXProblem) -> ONNXConstant {
        let value = try input(0)
        let lowest = inputs.count > 1 ? inputs[1] : nil
        let highest = inputs.count > 2 ? inputs[2] : nil
        switch value.elements {
        case .floats(let values):
            let low = try lowest?.float(of: "min") ?? -.infinity
            let high = try highest?.float(of: "max") ?? .infinity
            return ONNXConstant(
                shape: value.shape,
                elements: .floats(values.map { Swift.min(Swift.max($0, low), high) }))
        case .integers(let values):
            let low = try lowest?.integer(of: "min") ?? .min
            let high = try highest?.integer(of: "max") ?? .max
            return ONNXConstant(
                shape: value.shape,
                integers: values.map { Swift.min(Swift.max($0, low), high) })
        }
    }

    /// - Parameter type: a number of `ONNXTensorReader.ElementType`.
    private func cast(to type: Int) throws(ONNXProblem) -> ONNXConstant {
        let value = try input(0)
        guard let type = Int32(exactly: type).flatMap(ONNXTensorReader.ElementType.init) else {
            throw .unfit(
                what: "attribute 'to'", found: "\(type)", expected: "the number of a numeric type")
        }
        switch value.elements {
        case .floats(let values) where type == .bool:
            return ONNXConstant(shape: value.shape, integers: values.map { $0 == 0 ? 0 : 1 })
        case .integers(let values) where type == .bool:
            return ONNXConstant(shape: value.shape, integers: values.map { $0 == 0 ? 0 : 1 })
        case .integers where type.isFloat:
            return ONNXConstant(shape: value.shape, elements: .floats(value.floats))
        case .floats(let values) where !type.isFloat:
            var result: [Int] = []
            for element in values {
                guard let whole = Int(exactly: element.rounded(.towardZero)) else {
                    throw .unfit(
                        what: "a value", found: "\(element)", expected: "one that an integer holds")
                }
                result.append(whole)
            }
            return ONNXConstant(shape: value.shape, integers: result)
        default: return value
        }
    }

    /// `(code − zero) · scale`, with one scale or one for each index of an axis.
    private func dequantized(_ budget: inout ImportBudget) throws(ONNXProblem) -> ONNXConstant {
        let (value, scale) = (try input(0), try input(1).floats)
        let codes = try value.integers(of: "the codes")
        let zeros = inputs.count > 2 ? try inputs[2]?.integers(of: "the zero point") : nil
        guard try node.integer("block_size", default: 0) == 0 else {
            throw .unfit(what: "attribute 'block_size'", found: "given", expected: "none")
        }
        guard zeros == nil || zeros?.count == scale.count else {
            throw .unfit(
                what: "the number of zero points", found: "\(zeros?.count ?? 0)",
                expected: "\(scale.count), as many as scales")
        }
        var (inner, count) = (value.count, 1)
        if scale.count != 1 {
            let axis = try ShapeArithmetic(node).axis(
                node.integer("axis", default: 1), rank: value.shape.count)
            count = value.shape[axis]
            inner = value.shape[(axis + 1)...].reduce(1, *)
        }
        guard scale.count == count else {
            throw .unfit(
                what: "the number of scales", found: "\(scale.count)", expected: "\(count)")
        }
        try budget.take(value.shape, for: "the result")
        let values = codes.enumerated().map { position, code in
            let index = position / max(inner, 1) % count
            return (Float(code) - Float(zeros?[index] ?? 0)) * scale[index]
        }
        return ONNXConstant(shape: value.shape, elements: .floats(values))
    }

    private func choose(_ budget: inout ImportBudget) throws(ONNXProblem) -> ONNXConstant {
        let (condition, a, b) = (try input(0), try input(1), try input(2))
        let arithmetic = ShapeArithmetic(node)
        let shape = try arithmetic.broadcast(
            arithmetic.broadcast(condition.shape, a.shape), b.shape)
        for _ in 0..<4 { try budget.take(shape, for: "the result") }
        let flags = try condition.broadcast(to: shape).integers(of: "the condition")
        let (left, right) = (a.broadcast(to: shape), b.broadcast(to: shape))
        if case .integers(let x) = left.elements, case .integers(let y) = right.elements {
            return ONNXConstant(
                shape: shape, integers: flags.indices.map { flags[$0] != 0 ? x[$0] : y[$0] })
        }
        let (x, y) = (left.floats, right.floats)
        return ONNXConstant(
            shape: shape, elements: .floats(flags.indices.map { flags[$0] != 0 ? x[$0] : y[$0] }))
    }

    // MARK: Moving elements

    private func reshape() throws(ONNXProblem) -> ONNXConstant {
        let value = try input(0)
        return value.reshaped(
            try ShapeArithmetic(node).reshaped(
                value.shape, to: input(1).integers(of: "the shape")))
    }

    private func flatten() throws(ONNXProblem) -> ONNXConstant {
        let value = try input(0)
        return value.reshaped(try ShapeArithmetic(node).flattened(value.shape))
    }

    private func transpose(_ budget: inout ImportBudget) throws(ONNXProblem) -> ONNXConstant {
        let value = try input(0)
        let order = try ShapeArithmetic(node).permutation(rank: value.shape.count)
        try budget.take(value.shape, for: "the result")
        let strides = ONNXConstant.strides(of: value.shape)
        return value.strided(
            shape: order.map { value.shape[$0] }, strides: order.map { strides[$0] })
    }

    private func expand(_ budget: inout ImportBudget) throws(ONNXProblem) -> ONNXConstant {
        let shape = try ShapeArithmetic(node).broadcast(
            input(0).shape, input(1).integers(of: "the shape"))
        try budget.take(shape, for: "the result")
        return try input(0).broadcast(to: shape)
    }

    private func slice(_ budget: inout ImportBudget) throws(ONNXProblem) -> ONNXConstant {
        let value = try input(0)
        let cuts = try SliceCut.cuts(inputs: inputs, shape: value.shape)
        var (shape, offset) = (value.shape, 0)
        var strides = ONNXConstant.strides(of: value.shape)
        for cut in cuts {
            if cut.count > 0 { offset += cut.start * strides[cut.axis] }
            shape[cut.axis] = cut.count
            strides[cut.axis] *= cut.count > 1 ? cut.step : 1
        }
        try budget.take(shape, for: "the result")
        return value.strided(shape: shape, offset: offset, strides: strides)
    }

    private func gather(_ budget: inout ImportBudget) throws(ONNXProblem) -> ONNXConstant {
        let (value, indices) = (try input(0), try input(1))
        let axis = try ShapeArithmetic(node).axis(
            node.integer("axis", default: 0), rank: value.shape.count)
        let size = value.shape[axis]
        let shape = value.shape[..<axis] + indices.shape + value.shape[(axis + 1)...]
        try budget.take(Array(shape), for: "the result")
        // Without elements, the blocks could be without number.
        if shape.contains(0) { return value.selecting([], shape: Array(shape)) }
        let inner = value.shape[(axis + 1)...].reduce(1, *)
        let outer = value.shape[..<axis].reduce(1, *)
        var positions: [Int] = []
        for block in 0..<outer {
            for index in try indices.integers(of: "the indices") {
                guard (-size..<size).contains(index) else {
                    throw .unfit(
                        what: "an index", found: "\(index)", expected: "one in \(-size)..<\(size)")
                }
                let start = (block * size + (index < 0 ? index + size : index)) * inner
                positions += start..<start + inner
            }
        }
        return value.selecting(positions, shape: Array(shape))
    }

    private func concat(_ budget: inout ImportBudget) throws(ONNXProblem) -> ONNXConstant {
        var parts: [ONNXConstant] = []
        for index in inputs.indices { parts.append(try input(index)) }
        guard let first = parts.first else {
            throw .unfit(what: "the number of inputs", found: "0", expected: "1 or more")
        }
        let axis = try ShapeArithmetic(node).axis(
            node.integer("axis", default: 0), rank: first.shape.count)
        var shape = first.shape
        for part in parts.dropFirst() {
            var other = part.shape
            if other.count == shape.count { other[axis] = first.shape[axis] }
            guard other == first.shape else {
                throw .unfit(
                    what: "the shape of an input", found: "\(part.shape)",
                    expected: "\(first.shape) but for axis \(axis)")
            }
            let (size, overflow) = shape[axis].addingReportingOverflow(part.shape[axis])
            guard !overflow else {
                throw .tooLarge(what: "the result", shape: shape, limit: budget.limit)
            }
            shape[axis] = size
        }
        try budget.take(shape, for: "the result")
        let outer = shape[..<axis].reduce(1, *)
        func joined<Element>(_ parts: [[Element]]) -> [Element] {
            (0..<outer).flatMap { block in
                parts.flatMap { part -> ArraySlice<Element> in
                    let length = part.count / outer
                    return part[block * length..<(block + 1) * length]
                }
            }
        }
        // Without elements, the blocks could be without number.
        if shape.contains(0) { return ONNXConstant(shape: shape, elements: first.elements) }
        if case .integers = first.elements {
            var integers: [[Int]] = []
            for part in parts { integers.append(try part.integers(of: "an input")) }
            return ONNXConstant(shape: shape, integers: joined(integers))
        }
        return ONNXConstant(shape: shape, elements: .floats(joined(parts.map(\.floats))))
    }

    private func range(_ budget: inout ImportBudget) throws(ONNXProblem) -> ONNXConstant {
        let start = try input(0).integer(of: "the start")
        let limit = try input(1).integer(of: "the limit")
        let step = try input(2).integer(of: "the step")
        guard step != 0, start.magnitude < 1 << 40, limit.magnitude < 1 << 40,
            step.magnitude < 1 << 40
        else {
            throw .unfit(
                what: "the range", found: "\(start) to \(limit) by \(step)",
                expected: "one with a step that is not 0")
        }
        let count = Swift.max(0, (limit - start + step - step.signum()) / step)
        try budget.take([count], for: "the result")
        return ONNXConstant((0..<count).map { start + $0 * step })
    }
}

extension ONNXConstant {
    var isFloat: Bool {
        if case .floats = elements { return true }
        return false
    }

    /// The same elements under a shape of the same count.
    func reshaped(_ shape: [Int]) -> ONNXConstant {
        ONNXConstant(shape: shape, elements: elements)
    }

    /// Repeated along the axes of size 1, and along new ones in front.
    func broadcast(to shape: [Int]) -> ONNXConstant {
        if shape == self.shape { return self }
        let missing = shape.count - self.shape.count
        let own = Self.strides(of: self.shape)
        return strided(
            shape: shape,
            strides: shape.indices.map { axis in
                axis < missing || self.shape[axis - missing] == 1 ? 0 : own[axis - missing]
            })
    }

    func selecting(_ positions: [Int], shape: [Int]) -> ONNXConstant {
        switch elements {
        case .floats(let values):
            ONNXConstant(shape: shape, elements: .floats(positions.map { values[$0] }))
        case .integers(let values):
            ONNXConstant(shape: shape, integers: positions.map { values[$0] })
        }
    }
}
