// Pointers to several tensors at once, for calls of C kernels: the read ones first, then the one
// that is written. The pointers are valid inside `body` only.

func withPointers<Result>(
    _ a: Tensor, _ y: inout Tensor,
    _ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Result
) -> Result {
    y.withUnsafeMutableElements { y in
        a.withUnsafeElements { a in body(a.baseAddress!, y.baseAddress!) }
    }
}

func withPointers<Result>(
    _ a: Tensor, _ b: Tensor, _ y: inout Tensor,
    _ body: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Result
) -> Result {
    withPointers(a, &y) { a, y in
        b.withUnsafeElements { b in body(a, b.baseAddress!, y) }
    }
}

func withPointers<Result>(
    _ a: Tensor, _ b: Tensor, _ c: Tensor, _ y: inout Tensor,
    _ body: (
        UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>,
        UnsafeMutablePointer<Float>
    ) -> Result
) -> Result {
    withPointers(a, b, &y) { a, b, y in
        c.withUnsafeElements { c in body(a, b, c.baseAddress!, y) }
    }
}

func withPointers<Result>(
    _ a: Tensor, _ b: Tensor, _ body: (UnsafePointer<Float>, UnsafePointer<Float>) -> Result
) -> Result {
    a.withUnsafeElements { a in
        b.withUnsafeElements { b in body(a.baseAddress!, b.baseAddress!) }
    }
}

func withPointers<Result>(
    _ a: Tensor, _ b: Tensor, _ c: Tensor,
    _ body: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>) -> Result
) -> Result {
    withPointers(a, b) { a, b in
        c.withUnsafeElements { c in body(a, b, c.baseAddress!) }
    }
}

func withPointers<Result>(
    _ a: Tensor, _ b: Tensor, _ c: Tensor, _ y: inout Tensor, _ z: inout Tensor,
    _ body: (
        UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>,
        UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>
    ) -> Result
) -> Result {
    z.withUnsafeMutableElements { z in
        withPointers(a, b, c, &y) { a, b, c, y in body(a, b, c, y, z.baseAddress!) }
    }
}

func withPointers<Result>(
    _ a: Tensor, _ y: inout Tensor, _ z: inout Tensor,
    _ body: (
        UnsafePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>
    ) -> Result
) -> Result {
    z.withUnsafeMutableElements { z in
        withPointers(a, &y) { a, y in body(a, y, z.baseAddress!) }
    }
}

func withPointers<Result>(
    _ a: Tensor, _ b: Tensor, _ y: inout Tensor, _ z: inout Tensor,
    _ body: (
        UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>,
        UnsafeMutablePointer<Float>
    ) -> Result
) -> Result {
    z.withUnsafeMutableElements { z in
        withPointers(a, b, &y) { a, b, y in body(a, b, y, z.baseAddress!) }
    }
}
