import Tensors

/// The state of a layer or a parametrization in a form that any checkpoint can hold.
public struct SavedState: Sendable {
    /// The `kind` of the type that wrote it.
    public var kind: String
    public var numbers: [String: Double] = [:]
    /// Float tensors; layouts are those of the type that wrote it.
    public var tensors: [String: Tensor] = [:]
    /// Byte arrays, such as masks and codes.
    public var bytes: [String: [UInt8]] = [:]

    /// The largest size that a layer read from a file may have in one dimension.
    public static let largestSize = 1 << 24
    /// How many elements a tensor made for this state may have, so that a small file can not ask for
    /// much memory. A reader sets it; states that come from memory have no limit.
    public var elementLimit = Int.max

    public init(kind: String) { self.kind = kind }

    public func number(_ name: String) throws(SavedStateError) -> Double {
        guard let number = numbers[name] else {
            throw .missing(kind: kind, field: name, found: numbers.keys.sorted())
        }
        return number
    }

    /// A number that has to be whole and in a range.
    public func integer(
        _ name: String, in range: ClosedRange<Int>
    ) throws(SavedStateError) -> Int {
        let number = try number(name)
        guard let integer = Int(exactly: number), range.contains(integer) else {
            throw .outOfRange(kind: kind, field: name, found: number, range: range)
        }
        return integer
    }

    /// A number that a `Float` can hold, rounded to one.
    public func float(_ name: String) throws(SavedStateError) -> Float {
        let number = try number(name)
        guard Float(number).isFinite else {
            throw .notFinite(kind: kind, field: name, found: number)
        }
        return Float(number)
    }

    /// A number in a range, rounded to a `Float`.
    public func float(
        _ name: String, in range: ClosedRange<Float>
    ) throws(SavedStateError) -> Float {
        let number = try float(name)
        guard range.contains(number) else {
            throw .outsideBounds(kind: kind, field: name, found: number, bounds: range)
        }
        return number
    }

    /// Throws unless a tensor of this shape may be made.
    public func requireRoom(for shape: [Int]) throws(SavedStateError) {
        guard let count = elementCount(of: shape), count <= elementLimit else {
            throw .tooLarge(kind: kind, shape: shape, limit: elementLimit)
        }
    }

    public func tensor(_ name: String) throws(SavedStateError) -> Tensor {
        guard let tensor = tensors[name] else {
            throw .missing(kind: kind, field: name, found: tensors.keys.sorted())
        }
        return tensor
    }

    public func bytes(_ name: String) throws(SavedStateError) -> [UInt8] {
        guard let bytes = bytes[name] else {
            throw .missing(kind: kind, field: name, found: bytes.keys.sorted())
        }
        return bytes
    }
}

/// What a checkpoint can have wrong about a layer or a parametrization.
public enum SavedStateError: Error, Equatable, CustomStringConvertible {
    case missing(kind: String, field: String, found: [String])
    case outOfRange(kind: String, field: String, found: Double, range: ClosedRange<Int>)
    case outsideBounds(kind: String, field: String, found: Float, bounds: ClosedRange<Float>)
    case notFinite(kind: String, field: String, found: Double)
    case notPositive(kind: String, field: String, element: Int, found: Float)
    case wrongShape(kind: String, field: String, found: [Int], expected: [Int])
    case tooLarge(kind: String, shape: [Int], limit: Int)
    case unknownKind(String, known: [String])

    public var description: String {
        switch self {
        case .missing(let kind, let field, let found):
            "\(kind): no field '\(field)' (found: \(found.joined(separator: ", ")))"
        case .outOfRange(let kind, let field, let found, let range):
            "\(kind): \(field) is \(found), expected a whole number in \(range)"
        case .outsideBounds(let kind, let field, let found, let bounds):
            "\(kind): \(field) is \(found), expected a number in \(bounds)"
        case .notFinite(let kind, let field, let found):
            "\(kind): \(field) is \(found), expected a number that 32 bits can hold"
        case .notPositive(let kind, let field, let element, let found):
            "\(kind): element \(element) of \(field) is \(found), expected a positive number"
        case .wrongShape(let kind, let field, let found, let expected):
            "\(kind): \(field) has shape \(found), expected \(expected)"
        case .tooLarge(let kind, let shape, let limit):
            "\(kind): a tensor of shape \(shape), expected at most \(limit) elements by the file's size"
        case .unknownKind(let kind, let known):
            "unknown kind '\(kind)' (known: \(known.joined(separator: ", ")))"
        }
    }
}
