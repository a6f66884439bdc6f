import Tensors
import Testing

@Test func `a count of elements is the product of sizes`() {
    #expect(elementCount(of: []) == 1)
    #expect(elementCount(of: [3, 5, 7]) == 105)
    #expect(elementCount(of: [3, 0, 7]) == 0)
    #expect(elementCount(of: [1 << 62, 1]) == 1 << 62)
}

@Test(arguments: [
    [-1], [0, -1], [1 << 62, 2], [1 << 32, 1 << 32], [0, 1 << 32, 1 << 32], [1 << 40, 0, 1 << 40],
])
func `a shape has no count if the product of some of its sizes is none`(shape: [Int]) {
    #expect(elementCount(of: shape) == nil)
}
