/// A shaped array of `Float`, row-major, with value semantics (copied when written while shared).
public struct Tensor: Sendable {
    /// Sizes of the dimensions, the outermost first.
    public private(set) var shape: [Int]
    private var storage: AlignedStorage

    /// Zeros of a shape.
    public init(shape: [Int]) {
        precondition(shape.allSatisfy { $0 >= 0 }, "a shape has no negative size: \(shape)")
        self.shape = shape
        storage = AlignedStorage(capacity: shape.reduce(1, *))
    }

    /// The elements in row-major order.
    public init(shape: [Int], elements: [Float]) {
        self.init(shape: shape)
        precondition(
            count == elements.count, "shape \(shape) wants \(count) elements, not \(elements.count)"
        )
        _ = withUnsafeMutableElements { $0.update(fromContentsOf: elements) }
    }

    /// One value everywhere.
    public init(shape: [Int], repeating value: Float) {
        self.init(shape: shape)
        storage.base.update(repeating: value, count: count)
    }

    /// No elements and no memory; stands where a tensor will be.
    public static var empty: Tensor { Tensor(shape: [0]) }

    public var count: Int { shape.reduce(1, *) }

    /// How many elements fit in the memory that is there.
    public var capacity: Int { storage.capacity }

    /// A copy of the elements in row-major order.
    public var elements: [Float] { withUnsafeElements { Array($0) } }

    public subscript(index: Int) -> Float {
        get {
            precondition(index >= 0 && index < count, "index \(index) of \(count) elements")
            return storage.base[index]
        }
        set {
            precondition(index >= 0 && index < count, "index \(index) of \(count) elements")
            makeUnique()
            storage.base[index] = newValue
        }
    }

    /// The elements, followed by 16 floats that may be read but mean nothing.
    public func withUnsafeElements<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeBufferPointer(start: storage.base, count: count))
    }

    /// The elements for writing in place, followed by 16 floats that may be read.
    public mutating func withUnsafeMutableElements<Result, Failure: Error>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        makeUnique()
        return try body(UnsafeMutableBufferPointer(start: storage.base, count: count))
    }

    /// Gives the tensor a shape, keeping its memory where that is large enough.
    /// The elements are unspecified afterwards, unless the count is the same.
    public mutating func resize(to shape: [Int]) {
        if shape == self.shape { return }
        precondition(shape.allSatisfy { $0 >= 0 }, "a shape has no negative size: \(shape)")
        let count = shape.reduce(1, *)
        if count > storage.capacity || !isKnownUniquelyReferenced(&storage) && count != self.count {
            storage = AlignedStorage(capacity: count)
        }
        self.shape = shape
    }

    /// The same elements under another shape of the same count.
    public func reshaped(to shape: [Int]) -> Tensor {
        precondition(shape.reduce(1, *) == count, "\(self.shape) can not be seen as \(shape)")
        var result = self
        result.shape = shape
        return result
    }

    private mutating func makeUnique() {
        if !isKnownUniquelyReferenced(&storage) { storage = storage.copy(count: count) }
    }
}

extension Tensor: Equatable {
    /// Same shape and equal elements (so never equal where one is not a number).
    public static func == (left: Tensor, right: Tensor) -> Bool {
        left.shape == right.shape
            && left.withUnsafeElements { a in
                right.withUnsafeElements { b in a.elementsEqual(b) }
            }
    }
}
