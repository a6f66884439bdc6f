import Importing
import Testing

private let fixtures = packageRoot + "/Fixtures/numpy/"

/// Element `i` of the arrays that make.py writes.
private func element(_ index: Int) -> Int { (7 * index + 3) % 256 }

private func array(_ name: String) throws(DataSetError) -> NumPyArray {
    try NumPyArray(path: fixtures + name)
}

/// The error that a file of some bytes gives.
private func error(_ content: [UInt8]) -> NumPyError? {
    let folder = TemporaryFolder()
    do {
        _ = try NumPyArray(path: folder.write(content, "x.npy"))
        return nil
    } catch .array(let error) {
        return error
    } catch {
        Issue.record("\(error)")
        return nil
    }
}

@Test(arguments: ["bytes-1.npy", "bytes-2.npy", "bytes-3.npy"])
func `every version of a NumPy file gives shape and elements`(name: String) throws {
    let array = try array(name)
    #expect(array.shape == [5, 2, 3])
    #expect(array.elementType == .uint8)
    #expect(array.bytes == (0..<30).map { UInt8(element($0)) })
    #expect(array.integers == (0..<30).map(element))
}

@Test func `elements of each type are those that NumPy wrote`() throws {
    #expect(try array("floats.npy").floats == (0..<8).map { Float(element($0)) / 255 })
    #expect(try array("int32.npy").integers == (0..<7).map { element($0) - 100 })
    #expect(try array("int64.npy").integers == (0..<7).map { element($0) - (1 << 40) })
    let scalar = try array("scalar.npy")
    #expect(scalar.shape == [] && scalar.integers == [9])
    let nothing = try array("nothing.npy")
    #expect(nothing.shape == [0, 4] && nothing.integers.isEmpty)
}

@Test func `arrays of a kind that is not read are named`() {
    func unknown(_ name: String, _ found: String) -> DataSetError {
        .array(
            .wrongElementType(
                file: fixtures + name, found: found, expected: [.uint8, .float32, .int32, .int64]))
    }
    #expect(throws: unknown("doubles.npy", "float64")) { try array("doubles.npy") }
    #expect(throws: unknown("big-endian.npy", "int32 in big-endian order")) {
        try array("big-endian.npy")
    }
    #expect(throws: unknown("structure.npy", "a structure")) { try array("structure.npy") }
    #expect(throws: DataSetError.array(.columnMajor(file: fixtures + "fortran.npy"))) {
        try array("fortran.npy")
    }
}

@Test(arguments: ["bytes-1.npy", "bytes-2.npy"])
func `every cut of a NumPy file is an error that counts what is there`(name: String) {
    let whole = contents(of: fixtures + name)
    let folder = TemporaryFolder()
    let preamble = name == "bytes-1.npy" ? 10 : 12
    for length in whole.indices {
        let path = folder.write(Array(whole[..<length]), "x.npy")
        let expected: NumPyError =
            switch length {
            case ..<6: .wrongMagic(file: path, found: Array(whole[..<length]))
            case ..<8: .truncatedHeader(file: path, found: length, expected: 8)
            case ..<preamble: .truncatedHeader(file: path, found: length, expected: preamble)
            case ..<128: .truncatedHeader(file: path, found: length, expected: 128)
            default:
                .wrongLength(file: path, shape: [5, 2, 3], found: length - 128, declared: 30)
            }
        #expect(throws: DataSetError.array(expected), "cut to \(length)") {
            try NumPyArray(path: path)
        }
    }
    let path = folder.write(whole + [0], "x.npy")
    #expect(
        throws: DataSetError.array(
            .wrongLength(file: path, shape: [5, 2, 3], found: 31, declared: 30))
    ) { try NumPyArray(path: path) }
}

@Test func `a flipped bit of a header is an error, or leaves the same array`() throws {
    let whole = contents(of: fixtures + "bytes-1.npy")
    let expected = try array("bytes-1.npy")
    let folder = TemporaryFolder()
    for bit in 0..<128 * 8 {
        var flipped = whole
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        let path = folder.write(flipped, "x.npy")
        do throws(DataSetError) {
            let array = try NumPyArray(path: path)
            #expect(array.shape == expected.shape && array.bytes == expected.bytes, "bit \(bit)")
        } catch {}
    }
}

@Test(arguments: [
    ("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", nil),
    (#"{"shape":(2,),"fortran_order":False,"descr":"|u1"}"#, nil),
    ("{'descr': '|u1', 'fortran_order': False, 'shape': (2), }", "','"),
    ("{'descr': '|u1', 'fortran_order': False, 'shape': (,), }", "a size"),
    ("{'descr': '|u1', 'fortran_order': False, 'shape': (-2,), }", "a size"),
    ("{'descr': '|u1', 'fortran_order': False, 'shape': (2L,), }", "','"),
    ("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}", "a size"),
    ("{'descr': '|u1', 'fortran_order': 0, 'shape': (2,), }", "True or False"),
    ("{'descr': '|u1', 'shape': (2,), }", "the keys descr"),
    ("{'descr': '|u1', 'descr': '|u1'}", "one of the keys descr"),
    ("{'descr': '|u1', 'order': 'C'}", "one of the keys descr"),
    ("{'descr': |u1}", "a string in quotes"),
    ("{'descr': '\\x7cu1'}", "a string of printable"),
    ("{'descr': '|u1'", "'}'"),
    ("['descr']", "'{'"),
    ("", "'{'"),
    ("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), } ;", "spaces up to"),
])
func `a header is read strictly`(text: String, expected: String?) {
    let header = Array((text + "\n").utf8)
    let found = error(
        [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count), 0] + header + [8, 9])
    guard let expected else {
        #expect(found == nil)
        return
    }
    guard case .badHeader(_, let place, let wanted) = found else {
        Issue.record("\(text): \(found.map(String.init(describing:)) ?? "nothing")")
        return
    }
    #expect(wanted.hasPrefix(expected), "\(wanted)")
    #expect(10...10 + header.count ~= place)
}

@Test func `sizes that no file has are an error before memory is taken`() {
    for shape in [[1 << 40], [1 << 20, 1 << 20], [1 << 62, 4], [1 << 31, 1]] {
        let content = npy("<f4", shape, [])
        guard case .implausibleShape(_, let found, 1 << 31) = error(content) else {
            Issue.record("\(shape)")
            continue
        }
        #expect(found == shape)
    }
    let long = [0x93] + Array("NUMPY".utf8) + [2, 0, 0xff, 0xff, 0xff, 0xff]
    guard case .longHeader(_, 0xffff_ffff, 10_000) = error(long) else {
        Issue.record("no error for a long header")
        return
    }
    let ranks = npy("|u1", [Int](repeating: 1, count: 65), [1])
    guard case .badHeader(_, _, "at most 64 dimensions") = error(ranks) else {
        Issue.record("no error for 65 dimensions")
        return
    }
}

@Test(arguments: [(0, 0), (4, 0), (1, 1), (255, 255)])
func `an unknown version is an error`(major: UInt8, minor: UInt8) {
    var content = npy("|u1", [1], [7])
    content[6...7] = [major, minor]
    guard case .unknownVersion(_, Int(major), Int(minor)) = error(content) else {
        Issue.record("\(major).\(minor)")
        return
    }
}

// MARK: Samples for a network

private func samples(
    _ descr: String, _ shape: [Int], _ bytes: [UInt8], input: [Int], scale: Float = 1 / 255
) throws -> NumPySamples {
    let folder = TemporaryFolder()
    let array = try NumPyArray(path: folder.write(npy(descr, shape, bytes), "x.npy"))
    return try NumPySamples(array, inputShape: input, pixelScale: scale)
}

@Test func `samples may have their channels first, last, or left out where there is one`() throws {
    let planes = (0..<24).map { UInt8($0) }
    // [2, 3, 2, 2] by hand: pixel (y, x) of channel c of image n is 12 n + 4 c + 2 y + x.
    let interleaved = planes.indices.map { at -> UInt8 in
        let (image, place, channel) = (at / 12, at / 3 % 4, at % 3)
        return planes[12 * image + 4 * channel + place]
    }
    #expect(try samples("|u1", [2, 3, 2, 2], planes, input: [3, 2, 2]) == .pixels(planes))
    #expect(try samples("|u1", [2, 2, 2, 3], interleaved, input: [3, 2, 2]) == .pixels(planes))
    for shape in [[4, 2, 3], [4, 1, 2, 3], [4, 2, 3, 1]] {
        #expect(try samples("|u1", shape, planes, input: [1, 2, 3]) == .pixels(planes))
    }
    #expect(try samples("|u1", [2, 12], planes, input: [12]) == .pixels(planes))
    // Features in the place of an image, and images in the place of features.
    #expect(try samples("|u1", [2, 12], planes, input: [3, 2, 2]) == .pixels(planes))
    #expect(try samples("|u1", [2, 3, 2, 2], planes, input: [12]) == .pixels(planes))
    #expect(try samples("|u1", [2, 3, 4], planes, input: [12]) == .pixels(planes))
}

@Test func `real samples are pixels times the pixel scale`() throws {
    let values: [Float] = [0, 0.25, 0.5, 1]
    #expect(
        try samples("<f4", [2, 2], bytes(values), input: [2], scale: 0.25) == .raw([0, 1, 2, 4]))
    // Pixels are whole again whatever the rounding of the scale; what lies between them stays there.
    let pixels = (0...255).map { Float($0) }
    #expect(
        try samples("<f4", [1, 256], bytes(pixels.map { $0 / 255 }), input: [256]) == .raw(pixels))
    #expect(
        try samples("<f4", [1, 1], bytes([0.3]), input: [1]) == .raw([Float(0.3) / (1 / 255)]))
    // Without a scale, samples are any finite numbers.
    let any: [Float] = [-3, 0.1, 700, -1e38]
    #expect(try samples("<f4", [2, 2], bytes(any), input: [2], scale: 1) == .raw(any))
    for scale: Float in [1, 1 / 255] {
        for wrong: Float in [.infinity, .nan] {
            #expect {
                try samples("<f4", [1, 2], bytes([1, wrong]), input: [2], scale: scale)
            } throws: { error in
                guard case NumPyError.notFinite(_, 1, let found) = error else { return false }
                return found.bitPattern == wrong.bitPattern
            }
        }
    }
    for wrong in [Float(-0.01), 1.01, 255] {
        #expect {
            try samples("<f4", [1, 2], bytes([1, wrong]), input: [2])
        } throws: { error in
            guard case NumPyError.wrongSample(_, 1, let found, 1) = error else { return false }
            return found.bitPattern == wrong.bitPattern
        }
    }
}

@Test(arguments: [
    ([2, 3, 2], [3, 2, 2]), ([0, 3, 2, 2], [3, 2, 2]), ([], [12]), ([12], [12]),
    ([2, 2, 3, 2], [3, 2, 2]), ([1, 13], [12]),
])
func `samples of another shape than the network's are an error`(shape: [Int], input: [Int]) {
    let content = [UInt8](repeating: 1, count: shape.reduce(1, *))
    #expect { try samples("|u1", shape, content, input: input) } throws: { error in
        guard case NumPyError.wrongSamples(_, shape, input) = error else { return false }
        return true
    }
}

@Test func `samples whose channels may be either dimension are an error`() {
    #expect {
        try samples("|u1", [1, 3, 3, 3], [UInt8](repeating: 1, count: 27), input: [3, 3, 3])
    } throws: { error in
        guard case NumPyError.ambiguousChannels(_, [1, 3, 3, 3]) = error else { return false }
        return true
    }
    #expect {
        try samples("<i4", [1, 2], [UInt8](repeating: 0, count: 8), input: [2])
    } throws: { error in
        guard case NumPyError.wrongElementType(_, "int32", let expected) = error else {
            return false
        }
        return expected == [.uint8, .float32]
    }
}

@Test(arguments: [
    ("<f8", "float64"), ("<f2", "float16"), ("<u2", "uint16"), ("|i1", "int8"), ("|b1", "bool"),
    ("<U4", "str"), ("|S3", "bytes"), ("|O", "object"), ("<c8", "complex64"),
    ("<M8[ns]", "'<M8[ns]'"), (">f4", "float32 in big-endian order"), ("", "''"),
])
func `a kind of elements has the name that NumPy has for it`(description: String, name: String) {
    let folder = TemporaryFolder()
    let path = folder.write(npy(description, [1], [0, 0, 0, 0, 0, 0, 0, 0]), "x.npy")
    #expect(
        throws: DataSetError.array(
            .wrongElementType(
                file: path, found: name, expected: [.uint8, .float32, .int32, .int64]))
    ) { try NumPyArray(path: path) }
}

@Test func `an error of an array says how to save it`() {
    let pixels = NumPyError.wrongElementType(
        file: "x.npy", found: "float64", expected: [.uint8, .float32])
    #expect(
        "\(pixels)"
            == "x.npy: elements of type float64, expected uint8 or float32; convert with "
            + ".astype(numpy.uint8) (pixels of 0...255) or .astype(numpy.float32) before saving")
    let labels = NumPyError.wrongElementType(
        file: "y.npy", found: "bool", expected: [.uint8, .int32, .int64])
    #expect(
        "\(labels)"
            == "y.npy: elements of type bool, expected uint8, int32 or int64; convert with "
            + ".astype(numpy.int64) before saving")
    #expect(
        "\(NumPyError.wrongSamples(file: "x.npy", shape: [5, 64], expected: [1, 8, 8]))"
            == "x.npy: the shape [5, 64] is not a shape of samples of [1, 8, 8], expected "
            + "[count, 1, 8, 8], [count, 8, 8, 1] or [count, 8, 8]")
    #expect(
        "\(NumPyError.wrongSamples(file: "x.npy", shape: [5], expected: [64]))"
            .hasSuffix("expected [count, 64]"))
}
