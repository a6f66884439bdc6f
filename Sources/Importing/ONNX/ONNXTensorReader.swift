import Foundation
import ONNXSchema
import Tensors

/// Reads the elements of tensors, which stand in the model file or in files beside it.
struct ONNXTensorReader {
    /// The folder of the model file. Nothing outside is read.
    let folder: String

    /// The most axes that a tensor may have.
    static let largestRank = 16

    /// The element types that are read, by their numbers in ONNX.
    enum ElementType: Int32 {
        case float = 1
        case uint8 = 2
        case int8 = 3
        case uint16 = 4
        case int16 = 5
        case int32 = 6
        case int64 = 7
        case bool = 9
        case float16 = 10
        case double = 11
        case bfloat16 = 16

        var size: Int {
            switch self {
            case .uint8, .int8, .bool: 1
            case .uint16, .int16, .float16, .bfloat16: 2
            case .float, .int32: 4
            case .int64, .double: 8
            }
        }

        var isFloat: Bool {
            switch self {
            case .float, .float16, .double, .bfloat16: true
            default: false
            }
        }
    }

    /// ONNX's names of element types, by their numbers.
    private static let typeNames = [
        "undefined", "float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string",
        "bool", "float16", "double", "uint32", "uint64", "complex64", "complex128", "bfloat16",
        "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4",
        "float4e2m1",
    ]

    /// The name of an element type, such as `float16` of 10, or its number where it is not known.
    static func typeName(_ number: Int32) -> String {
        let index = Int(number)
        return typeNames.indices.contains(index) ? typeNames[index] : "\(number)"
    }

    func constant(_ tensor: ONNXTensorProto) throws(ONNXProblem) -> ONNXConstant {
        let what = "tensor '\(tensor.name)'"
        guard let type = ElementType(rawValue: tensor.dataType) else {
            throw .unfit(
                what: "the element type of \(what)", found: Self.typeName(tensor.dataType),
                expected:
                    "float, double, float16, bfloat16, bool, int8, uint8, int16, uint16, int32 "
                    + "or int64")
        }
        let shape = tensor.dims.map { Int($0) }
        guard shape.count <= Self.largestRank else {
            throw .unfit(
                what: "the number of axes of \(what)", found: "\(shape.count)",
                expected: "at most \(Self.largestRank)")
        }
        guard let count = elementCount(of: shape), count <= Int.max / 8 else {
            throw .unfit(
                what: "the shape of \(what)", found: "\(shape)",
                expected: "sizes whose product is a number of elements")
        }
        if tensor.dataLocation == .external || tensor.hasRawData {
            let data =
                tensor.dataLocation == .external
                ? try external(tensor, length: count * type.size) : tensor.rawData
            guard data.count == count * type.size else {
                throw .unfit(
                    what: what, found: "of \(data.count) bytes",
                    expected: "\(count * type.size) by its shape \(shape)")
            }
            return ONNXConstant(shape: shape, elements: Self.elements(data, type))
        }
        let elements: ONNXConstant.Elements
        switch type {
        case .float: elements = .floats(tensor.floatData)
        case .double: elements = .floats(tensor.doubleData.map { Float($0) })
        case .float16:
            elements = .floats(
                tensor.int32Data.map { Float(half: UInt16(truncatingIfNeeded: $0)) })
        case .bfloat16:
            elements = .floats(
                tensor.int32Data.map { Float(brain: UInt16(truncatingIfNeeded: $0)) })
        case .int64: elements = .integers(tensor.int64Data.map { Int($0) })
        default: elements = .integers(tensor.int32Data.map { Int($0) })
        }
        let constant = ONNXConstant(shape: shape, elements: elements)
        guard constant.count == count else {
            throw .unfit(
                what: what, found: "of \(constant.count) elements",
                expected: "\(count) by its shape \(shape)")
        }
        return constant
    }

    // MARK: Bytes

    /// Little-endian elements, of which there is a whole number.
    private static func elements(_ data: Data, _ type: ElementType) -> ONNXConstant.Elements {
        func read<T: FixedWidthInteger>(_ type: T.Type) -> [T] {
            data.withUnsafeBytes { bytes in
                (0..<bytes.count / MemoryLayout<T>.size).map {
                    T(
                        littleEndian: bytes.loadUnaligned(
                            fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self))
                }
            }
        }
        switch type {
        case .float: return .floats(read(UInt32.self).map { Float(bitPattern: $0) })
        case .double: return .floats(read(UInt64.self).map { Float(Double(bitPattern: $0)) })
        case .float16: return .floats(read(UInt16.self).map { Float(half: $0) })
        case .bfloat16: return .floats(read(UInt16.self).map { Float(brain: $0) })
        case .bool: return .integers(read(UInt8.self).map { $0 == 0 ? 0 : 1 })
        case .uint8: return .integers(read(UInt8.self).map { Int($0) })
        case .int8: return .integers(read(Int8.self).map { Int($0) })
        case .uint16: return .integers(read(UInt16.self).map { Int($0) })
        case .int16: return .integers(read(Int16.self).map { Int($0) })
        case .int32: return .integers(read(Int32.self).map { Int($0) })
        case .int64: return .integers(read(Int64.self).map { Int($0) })
        }
    }

    /// How many elements stand in the files for a tensor, whatever its shape says; 0 if they can not
    /// be found.
    func storedCount(of tensor: ONNXTensorProto) -> Int {
        let size = ElementType(rawValue: tensor.dataType)?.size ?? 1
        guard tensor.dataLocation == .external else {
            return tensor.rawData.count / size + tensor.floatData.count + tensor.doubleData.count
                + tensor.int32Data.count + tensor.int64Data.count
        }
        let location = Self.location(of: tensor) ?? ""
        guard let count = elementCount(of: tensor.dims.map { Int($0) }),
            let path = try? path(to: location, { .unreadable(reason: $0) }),
            let attributes = try? FileManager.default.attributesOfItem(atPath: path),
            let bytes = attributes[.size] as? Int
        else { return 0 }
        return min(count, bytes / size)
    }

    // MARK: Files beside the model

    /// The file that a tensor's elements stand in, from the model's folder; `nil` for those in the model.
    static func location(of tensor: ONNXTensorProto) -> String? {
        guard tensor.dataLocation == .external else { return nil }
        return tensor.externalData.last { $0.key == "location" }?.value
    }

    private func external(
        _ tensor: ONNXTensorProto, length: Int
    ) throws(ONNXProblem) -> Data {
        var entries: [String: String] = [:]
        for entry in tensor.externalData { entries[entry.key] = entry.value }
        let location = entries["location"] ?? ""
        func problem(_ reason: String) -> ONNXProblem {
            .externalData(tensor: tensor.name, location: location, reason: reason)
        }
        func number(_ key: String, default value: Int) throws(ONNXProblem) -> Int {
            guard let text = entries[key] else { return value }
            guard let number = Int(text), number >= 0 else {
                throw problem("\(key) is '\(text)', expected a number of bytes")
            }
            return number
        }
        let offset = try number("offset", default: 0)
        let declared = try number("length", default: length)
        guard declared == length else {
            throw problem("\(declared) bytes, expected \(length) by the tensor's shape")
        }
        let path = try path(to: location, problem)
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            let size = Int(clamping: try handle.seekToEnd())
            guard offset <= size, length <= size - offset else {
                throw problem("has \(size) bytes, expected \(length) from byte \(offset) on")
            }
            try handle.seek(toOffset: UInt64(offset))
            return length == 0 ? Data() : try handle.read(upToCount: length) ?? Data()
        } catch let problem as ONNXProblem {
            throw problem
        } catch {
            throw problem("can not be read")
        }
    }

    /// The file at `location`, which has to be a regular one in the model's folder or below.
    private func path(
        to location: String, _ problem: (String) -> ONNXProblem
    ) throws(ONNXProblem) -> String {
        let components = location.split(separator: "/", omittingEmptySubsequences: false)
        guard !location.isEmpty, !location.hasPrefix("/"), !components.contains(".."),
            !location.contains("\\"), !location.contains("\0")
        else { throw problem("expected a path below the model's folder") }
        let root = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
        let file = URL(fileURLWithPath: folder + "/" + location).resolvingSymlinksInPath().path
        guard file.hasPrefix(root == "/" ? root : root + "/") else {
            throw problem("a link out of the model's folder, expected a file in it")
        }
        let attributes = try? FileManager.default.attributesOfItem(atPath: file)
        guard let type = attributes?[.type] as? FileAttributeType else {
            throw problem("no such file")
        }
        guard type == .typeRegular else { throw problem("no regular file") }
        return file
    }
}
