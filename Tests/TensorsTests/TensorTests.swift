import Tensors
import Testing

@Test func `a tensor starts with zeros, one value or the given elements`() {
    #expect(Tensor(shape: [2, 3]).elements == [0, 0, 0, 0, 0, 0])
    #expect(Tensor(shape: [2], repeating: 1.5).elements == [1.5, 1.5])
    #expect(Tensor(shape: [1, 2], elements: [3, 4]).elements == [3, 4])
    #expect(Tensor(shape: [], elements: [7])[0] == 7)
    #expect(Tensor(shape: [3, 0], elements: []).count == 0)
    #expect(Tensor.empty.elements == [])
}

@Test func `a copy keeps its elements when the original is written`() {
    var original = Tensor(shape: [3], elements: [1, 2, 3])
    let copy = original
    original[1] = 20
    #expect(copy.elements == [1, 2, 3])
    #expect(original.elements == [1, 20, 3])
    var other = copy
    other.withUnsafeMutableElements { $0[0] = 10 }
    #expect(copy.elements == [1, 2, 3])
    #expect(other.elements == [10, 2, 3])
}

@Test func `a reshaped tensor shares elements until one is written`() {
    let matrix = Tensor(shape: [2, 3], elements: [1, 2, 3, 4, 5, 6])
    var row = matrix.reshaped(to: [6])
    #expect(row.shape == [6])
    row[5] = 60
    #expect(matrix.elements == [1, 2, 3, 4, 5, 6])
    #expect(row.elements == [1, 2, 3, 4, 5, 60])
}

@Test func `a resized tensor keeps its memory where that is large enough`() {
    func address(_ tensor: Tensor) -> UnsafePointer<Float>? {
        tensor.withUnsafeElements { $0.baseAddress }
    }
    var tensor = Tensor(shape: [4, 4], repeating: 1)
    let first = address(tensor)
    tensor.resize(to: [2, 3])
    #expect(tensor.shape == [2, 3] && tensor.elements.count == 6)
    #expect(address(tensor) == first)
    tensor.resize(to: [16])
    #expect(address(tensor) == first)
    tensor.resize(to: [100])
    #expect(tensor.shape == [100] && tensor.elements.count == 100)
}

@Test func `resizing a shared tensor leaves the other one alone`() {
    for shape in [[2], [2, 2], [9]] {
        var tensor = Tensor(shape: [4], elements: [1, 2, 3, 4])
        let copy = tensor
        tensor.resize(to: shape)
        tensor.withUnsafeMutableElements { for index in $0.indices { $0[index] = 9 } }
        #expect(tensor.elements == [Float](repeating: 9, count: tensor.count))
        #expect(copy.elements == [1, 2, 3, 4])
        #expect(copy.shape == [4])
    }
}

@Test func `resizing to the same count keeps the elements`() {
    var tensor = Tensor(shape: [2, 3], elements: [1, 2, 3, 4, 5, 6])
    tensor.resize(to: [3, 2])
    #expect(tensor == Tensor(shape: [3, 2], elements: [1, 2, 3, 4, 5, 6]))
}

@Test func `memory is aligned for vectors and readable behind the end`() {
    for count in 0...40 {
        Tensor(shape: [count]).withUnsafeElements { elements in
            #expect(Int(bitPattern: elements.baseAddress) % 64 == 0)
            #expect((0..<16).allSatisfy { elements.baseAddress![count + $0] == 0 })
        }
    }
}

@Test func `tensors are equal if shapes and elements are`() {
    let tensor = Tensor(shape: [2], elements: [1, 2])
    #expect(tensor == Tensor(shape: [2], elements: [1, 2]))
    #expect(tensor != Tensor(shape: [2], elements: [1, 3]))
    #expect(tensor != Tensor(shape: [1, 2], elements: [1, 2]))
    #expect(Tensor(shape: [1], elements: [.nan]) != Tensor(shape: [1], elements: [.nan]))
    #expect(Tensor(shape: [1], elements: [0]) == Tensor(shape: [1], elements: [-0.0]))
}

@Test func `elements that do not fit a shape stop the program`() async {
    await #expect(processExitsWith: .failure) { _ = Tensor(shape: [2, 2], elements: [1, 2, 3]) }
    await #expect(processExitsWith: .failure) { _ = Tensor(shape: [-1, -1]) }
    await #expect(processExitsWith: .failure) {
        var tensor = Tensor.empty
        tensor.resize(to: [-2, -3])
    }
    await #expect(processExitsWith: .failure) { _ = Tensor(shape: [4]).reshaped(to: [5]) }
    await #expect(processExitsWith: .failure) { _ = Tensor(shape: [4])[4] }
    await #expect(processExitsWith: .failure) { _ = Tensor(shape: [4])[-1] }
}

@Test func `shapes that do not fit each other stop the program`() async {
    await #expect(processExitsWith: .failure) {
        var sum = Tensor(shape: [2, 3])
        sum.add(Tensor(shape: [3, 2]))
    }
    await #expect(processExitsWith: .failure) {
        var y = Tensor(shape: [2])
        y.assign(Tensor(shape: [2]), where: [1])
    }
    await #expect(processExitsWith: .failure) {
        var kernels = LinearKernels(inputs: 2, outputs: 3)
        var y = Tensor(shape: [2, 3])
        kernels.forward(
            Tensor(shape: [1, 2]), weights: Tensor(shape: [2, 3]), bias: Tensor(shape: [3]),
            into: &y, threads: 1)
    }
}
