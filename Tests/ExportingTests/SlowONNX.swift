import Foundation
import ONNXSchema

/// Runs an exported model one element at a time, as the definitions of ONNX's operations say, in
/// `[batch, channels, height, width]`. It shares no code with networks and kernels.
struct SlowONNX {
    struct Value: Equatable {
        var shape: [Int]
        /// Row-major; codes and integers, too.
        var elements: [Float]

        init(_ shape: [Int], _ elements: [Float]) {
            precondition(shape.reduce(1, *) == elements.count, "\(shape), \(elements.count)")
            (self.shape, self.elements) = (shape, elements)
        }

        init(_ shape: [Int], _ element: ([Int]) -> Float) {
            var index = [Int](repeating: 0, count: shape.count)
            let count = shape.reduce(1, *)
            var elements: [Float] = []
            for _ in 0..<count {
                elements.append(element(index))
                for axis in shape.indices.reversed() {
                    index[axis] += 1
                    if index[axis] < shape[axis] { break }
                    index[axis] = 0
                }
            }
            self.init(shape, elements)
        }

        /// The element at an index; where the shape has 1, any index is 0, and axes in front may miss.
        subscript(_ index: [Int]) -> Float {
            var position = 0
            for (axis, size) in shape.enumerated() {
                let given = index[axis + index.count - shape.count]
                position = position * size + (size == 1 ? 0 : given)
            }
            return elements[position]
        }
    }

    private(set) var values: [String: Value] = [:]
    private var unsignedCodes: Set<String> = []
    private let model: ONNXModelProto

    init(_ model: ONNXModelProto) {
        self.model = model
        for tensor in model.graph.initializer {
            let shape = tensor.dims.map { Int($0) }
            let data = [UInt8](tensor.rawData)
            let count = shape.reduce(1, *)
            let elements: [Float] =
                switch tensor.dataType {
                case 1: Self.read(data, Float.self)
                case 2: data.map { Float($0) }
                case 3: data.map { Float(Int8(bitPattern: $0)) }
                case 6: Self.read(data, Int32.self).map { Float($0) }
                case 7: Self.read(data, Int64.self).map { Float($0) }
                case 10: Self.read(data, UInt16.self).map(Self.half)
                default: fatalError("element type \(tensor.dataType)")
                }
            precondition(elements.count == count)
            if tensor.dataType == 2 { unsignedCodes.insert(tensor.name) }
            values[tensor.name] = Value(shape, elements)
        }
    }

    /// IEEE 754 binary16: a sign, 5 bits of exponent, 10 of fraction.
    private static func half(_ bits: UInt16) -> Float {
        let (exponent, fraction) = (Int(bits >> 10 & 31), Float(bits & 1023) / 1024)
        precondition(exponent < 31, "no finite number")
        let magnitude =
            exponent == 0 ? fraction * 0x1p-14 : (1 + fraction) * exp2(Float(exponent - 15))
        return bits >> 15 == 0 ? magnitude : -magnitude
    }

    private static func read<T>(_ bytes: [UInt8], _ type: T.Type) -> [T] {
        bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / MemoryLayout<T>.size).map {
                bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self)
            }
        }
    }

    /// The output for an input.
    mutating func run(_ input: Value) -> Value {
        values[model.graph.input[0].name] = input
        for node in model.graph.node {
            if node.opType == "DynamicQuantizeLinear" {
                quantizeDynamically(node)
            } else {
                values[node.output[0]] = result(of: node)
            }
        }
        return values[model.graph.output[0].name]!
    }

    /// One grid of 8 bits for the whole batch; codes, step and zero point are its outputs.
    private mutating func quantizeDynamically(_ node: ONNXNodeProto) {
        let x = values[node.input[0]]!
        let (low, high) = (min(x.elements.min()!, 0), max(x.elements.max()!, 0))
        let step = (high - low) / 255
        let zero = min(max((0 - low / step).rounded(.toNearestOrEven), 0), 255)
        values[node.output[0]] = Value(
            x.shape,
            x.elements.map {
                min(max(($0 / step).rounded(.toNearestOrEven) + zero, 0), 255)
            })
        values[node.output[1]] = Value([], [step])
        values[node.output[2]] = Value([], [zero])
    }

    private func result(of node: ONNXNodeProto) -> Value {
        let inputs = node.input.map { values[$0]! }
        let x = inputs[0]
        func each(_ body: (Float) -> Float) -> Value { Value(x.shape, x.elements.map(body)) }
        func pair(_ body: (Float, Float) -> Float) -> Value {
            let y = inputs[1]
            let shape = x.shape.count >= y.shape.count ? x.shape : y.shape
            return Value(shape) { body(x[$0], y[$0]) }
        }
        func ints(_ name: String) -> [Int] {
            node.attribute.first { $0.name == name }!.ints.map { Int($0) }
        }
        func int(_ name: String, _ value: Int = 0) -> Int {
            node.attribute.first { $0.name == name }.map { Int($0.i) } ?? value
        }
        func float(_ name: String) -> Float { node.attribute.first { $0.name == name }!.f }
        func whole(_ index: Int) -> [Int] { inputs[index].elements.map { Int($0) } }
        switch node.opType {
        case "Identity": return x
        case "Cast":
            precondition(int("to") == 1)
            return x
        case "Relu": return each { max($0, 0) }
        case "Clip": return each { min(max($0, inputs[1].elements[0]), inputs[2].elements[0]) }
        case "LeakyRelu": return each { $0 < 0 ? float("alpha") * $0 : $0 }
        case "Sigmoid": return each { 1 / (1 + exp(-$0)) }
        case "HardSigmoid":
            return each { min(max(float("alpha") * $0 + float("beta"), 0), 1) }
        case "HardSwish": return each { $0 * min(max($0 / 6 + 0.5, 0), 1) }
        case "Add": return pair(+)
        case "Sub": return pair(-)
        case "Mul": return pair(*)
        case "QuantizeLinear":
            let range: ClosedRange<Float> =
                unsignedCodes.contains(node.input[2]) ? 0...255 : -128...127
            return each {
                let code = ($0 / inputs[1].elements[0]).rounded(.toNearestOrEven)
                return min(max(code + inputs[2].elements[0], range.lowerBound), range.upperBound)
            }
        case "DequantizeLinear":
            let zero = inputs.count > 2 ? inputs[2].elements[0] : 0
            let (axis, scale) = (int("axis", 1), inputs[1].elements)
            return Value(x.shape) {
                (x[$0] - zero) * (scale.count == 1 ? scale[0] : scale[$0[axis]])
            }
        case "Gemm":
            precondition(int("transB") == 1)
            return Value([x.shape[0], inputs[1].shape[0]]) { index in
                (0..<x.shape[1]).reduce(inputs.count > 2 ? inputs[2].elements[index[1]] : 0) {
                    $0 + x[[index[0], $1]] * inputs[1][[index[1], $1]]
                }
            }
        case "BatchNormalization":
            return Value(x.shape) { index in
                let p = inputs.dropFirst().map { $0.elements[index[1]] }
                return (x[index] - p[2]) / (p[3] + float("epsilon")).squareRoot() * p[0] + p[1]
            }
        case "Conv":
            let perGroup = inputs[1].shape[0] / int("group")
            return window(x, channels: inputs[1].shape[0], ints, ints("dilations")) { at, o, n in
                let first = o / perGroup * inputs[1].shape[1]
                var sum = inputs.count > 2 ? inputs[2].elements[o] : 0
                at { row, column, y, x0 in
                    guard let (y, x0) = Self.inside(x, y, x0) else { return }
                    for c in 0..<inputs[1].shape[1] {
                        sum += x[[n, first + c, y, x0]] * inputs[1][[o, c, row, column]]
                    }
                }
                return sum
            }
        case "MaxPool":
            return window(x, channels: x.shape[1], ints, [1, 1]) { at, o, n in
                var most = -Float.infinity
                at { _, _, y, x0 in
                    if let (y, x0) = Self.inside(x, y, x0) { most = max(most, x[[n, o, y, x0]]) }
                }
                return most
            }
        case "AveragePool":
            precondition(int("count_include_pad") == 1)
            let count = Float(ints("kernel_shape").reduce(1, *))
            return window(x, channels: x.shape[1], ints, [1, 1]) { at, o, n in
                var sum: Float = 0
                at { _, _, y, x0 in
                    if let (y, x0) = Self.inside(x, y, x0) { sum += x[[n, o, y, x0]] }
                }
                return sum / count
            }
        case "GlobalAveragePool":
            let (height, width) = (x.shape[2], x.shape[3])
            return Value([x.shape[0], x.shape[1], 1, 1]) { index in
                var sum: Float = 0
                for y in 0..<height {
                    for x0 in 0..<width { sum += x[[index[0], index[1], y, x0]] }
                }
                return sum / Float(height * width)
            }
        case "Softmax":
            return Value(x.shape) { index in
                let sum = (0..<x.shape[1]).reduce(Float(0)) { $0 + exp(x[[index[0], $1]]) }
                return exp(x[index]) / sum
            }
        case "Concat":
            precondition(int("axis") == 1)
            var shape = x.shape
            shape[1] = inputs.map { $0.shape[1] }.reduce(0, +)
            return Value(shape) { index in
                var index = index
                for input in inputs {
                    if index[1] < input.shape[1] { return input[index] }
                    index[1] -= input.shape[1]
                }
                fatalError("no such channel")
            }
        case "Slice":
            precondition(whole(3) == [1])
            var shape = x.shape
            shape[1] = whole(2)[0] - whole(1)[0]
            return Value(shape) { index in
                var index = index
                index[1] += whole(1)[0]
                return x[index]
            }
        case "Flatten": return Value([x.shape[0], x.shape[1...].reduce(1, *)], x.elements)
        case "Reshape": return Value([x.shape[0]] + whole(1).dropFirst(), x.elements)
        case "Transpose":
            let order = ints("perm")
            return Value(order.map { x.shape[$0] }) { index in
                var source = index
                for (axis, from) in order.enumerated() { source[from] = index[axis] }
                return x[source]
            }
        case "Pad":
            let pads = whole(1)
            return Value(x.shape.indices.map { x.shape[$0] + pads[$0] + pads[$0 + 4] }) { index in
                let source = index.indices.map { index[$0] - pads[$0] }
                let isInside = source.indices.allSatisfy { 0..<x.shape[$0] ~= source[$0] }
                return isInside ? x[source] : inputs[2].elements[0]
            }
        default: fatalError("operation \(node.opType)")
        }
    }

    private static func inside(_ x: Value, _ y: Int, _ x0: Int) -> (Int, Int)? {
        0..<x.shape[2] ~= y && 0..<x.shape[3] ~= x0 ? (y, x0) : nil
    }

    /// Calls `body` for each output with a function that walks its window: row and column of the
    /// kernel, then of the image.
    private func window(
        _ x: Value, channels: Int, _ ints: (String) -> [Int], _ dilation: [Int],
        _ body: (_ at: ((Int, Int, Int, Int) -> Void) -> Void, _ channel: Int, _ image: Int) ->
            Float
    ) -> Value {
        let (kernel, stride, pads) = (ints("kernel_shape"), ints("strides"), ints("pads"))
        let size = (0...1).map { axis in
            let extent = dilation[axis] * (kernel[axis] - 1) + 1
            return (x.shape[axis + 2] + pads[axis] + pads[axis + 2] - extent) / stride[axis] + 1
        }
        return Value([x.shape[0], channels] + size) { index in
            body(
                { visit in
                    for row in 0..<kernel[0] {
                        for column in 0..<kernel[1] {
                            visit(
                                row, column, index[2] * stride[0] - pads[0] + row * dilation[0],
                                index[3] * stride[1] - pads[1] + column * dilation[1])
                        }
                    }
                }, index[1], index[0])
        }
    }
}
