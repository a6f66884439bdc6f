import ONNXSchema

/// The operations of ONNX that can be imported, or computed while importing.
enum ONNXOperation: String, CaseIterable {
    case add = "Add"
    case argMax = "ArgMax"
    case averagePool = "AveragePool"
    case batchNormalization = "BatchNormalization"
    case cast = "Cast"
    case castLike = "CastLike"
    case ceil = "Ceil"
    case clip = "Clip"
    case concat = "Concat"
    case constant = "Constant"
    case constantOfShape = "ConstantOfShape"
    case conv = "Conv"
    /// Of constants: weights in codes.
    case dequantizeLinear = "DequantizeLinear"
    case div = "Div"
    case dropout = "Dropout"
    case equal = "Equal"
    case expand = "Expand"
    case flatten = "Flatten"
    case floor = "Floor"
    case gather = "Gather"
    case gemm = "Gemm"
    case globalAveragePool = "GlobalAveragePool"
    case globalMaxPool = "GlobalMaxPool"
    case hardSigmoid = "HardSigmoid"
    case hardSwish = "HardSwish"
    case identity = "Identity"
    case leakyRelu = "LeakyRelu"
    case logSoftmax = "LogSoftmax"
    case matMul = "MatMul"
    case max = "Max"
    case maxPool = "MaxPool"
    case min = "Min"
    case mul = "Mul"
    case pad = "Pad"
    case range = "Range"
    case reduceMax = "ReduceMax"
    case reduceMean = "ReduceMean"
    case relu = "Relu"
    case reshape = "Reshape"
    case sequenceAt = "SequenceAt"
    case shape = "Shape"
    case sigmoid = "Sigmoid"
    case size = "Size"
    case slice = "Slice"
    case softmax = "Softmax"
    case split = "Split"
    case splitToSequence = "SplitToSequence"
    case squeeze = "Squeeze"
    case sub = "Sub"
    case swish = "Swish"
    case transpose = "Transpose"
    case unsqueeze = "Unsqueeze"
    case `where` = "Where"

    /// What is computed while importing, and can not read what depends on the network's input.
    private static let onConstants: Set<ONNXOperation> = [
        .ceil, .constant, .constantOfShape, .dequantizeLinear, .equal, .floor, .gather, .max, .min,
        .range, .size, .where,
    ]

    static let valueNames = names { !onConstants.contains($0) }
    static let constantNames = names { onConstants.contains($0) }

    private static func names(where isShown: (ONNXOperation) -> Bool) -> [String] {
        allCases.filter(isShown).map(\.rawValue).sorted()
    }
}

/// A node of the file, with its attributes by name.
struct ONNXNode {
    /// The node's own name, or `#` and its index.
    let name: String
    let hasName: Bool
    /// With the domain in front if it is not ONNX's own.
    let operation: String
    /// Empty names stand for inputs that are left out.
    let inputs: [String]
    let outputs: [String]
    /// The version of the operations that the file asks for.
    let opset: Int
    private var attributes: [String: ONNXAttributeProto] = [:]

    init(_ node: ONNXNodeProto, index: Int, opset: Int) {
        hasName = !node.name.isEmpty
        name = hasName ? node.name : "#\(index)"
        let isStandard = node.domain.isEmpty || node.domain == "ai.onnx"
        operation = isStandard ? node.opType : "\(node.domain).\(node.opType)"
        inputs = node.input
        outputs = node.output
        self.opset = opset
        for attribute in node.attribute { attributes[attribute.name] = attribute }
    }

    private func attribute(
        _ name: String, _ type: ONNXAttributeProto.AttributeType
    ) throws(ONNXProblem) -> ONNXAttributeProto? {
        guard let attribute = attributes[name] else { return nil }
        guard attribute.type == type || !attribute.hasType else {
            throw .unfit(
                what: "attribute '\(name)'", found: "of type \(attribute.type)",
                expected: "\(type)")
        }
        return attribute
    }

    func integer(_ name: String) throws(ONNXProblem) -> Int? {
        try attribute(name, .int).map { Int($0.i) }
    }

    func integer(_ name: String, default value: Int) throws(ONNXProblem) -> Int {
        try integer(name) ?? value
    }

    func flag(_ name: String, default value: Bool = false) throws(ONNXProblem) -> Bool {
        try integer(name, default: value ? 1 : 0) != 0
    }

    func integers(_ name: String) throws(ONNXProblem) -> [Int]? {
        try attribute(name, .ints)?.ints.map { Int($0) }
    }

    func float(_ name: String) throws(ONNXProblem) -> Float? { try attribute(name, .float)?.f }

    func float(_ name: String, default value: Float) throws(ONNXProblem) -> Float {
        try float(name) ?? value
    }

    func floats(_ name: String) throws(ONNXProblem) -> [Float]? {
        try attribute(name, .floats)?.floats
    }

    func string(_ name: String, default value: String) throws(ONNXProblem) -> String {
        guard let attribute = try attribute(name, .string) else { return value }
        return String(decoding: attribute.s, as: UTF8.self)
    }

    func tensor(_ name: String) throws(ONNXProblem) -> ONNXTensorProto? {
        try attribute(name, .tensor)?.t
    }
}
