import Foundation
import Networks
import Tensors
import Testing
import Training

private func checkpointFile() throws -> Safetensors {
    try unfinishedCheckpoint(method: .sgd(momentum: 0.9, nesterov: false)).encoded()
}

private func expect(
    _ error: CheckpointError, from file: Safetensors, _ location: SourceLocation = #_sourceLocation
) {
    #expect(throws: error, sourceLocation: location) {
        try Checkpoint(file, path: "f", vocabulary: vocabulary)
    }
}

/// The file with other text in its metadata, which must be there.
private func edited(
    _ old: String, to new: String, field: String = "network"
) throws -> Safetensors {
    var file = try checkpointFile()
    let text = try #require(file.metadata[field])
    try #require(text.contains(old), "\(old) in \(text)")
    file.metadata[field] = text.replacingOccurrences(of: old, with: new)
    return file
}

@Test func `every cut of a checkpoint is an error`() throws {
    let bytes = try checkpointFile().encoded()
    try withTemporaryFolder { folder in
        let path = folder + "/cut.safetensors"
        for length in stride(from: 0, to: bytes.count, by: 37) {
            try Data(bytes[..<length]).write(to: URL(fileURLWithPath: path))
            #expect(throws: SafetensorsError.self, "cut to \(length) bytes") {
                try Checkpoint(contentsOf: path, vocabulary: vocabulary)
            }
        }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        #expect(throws: Never.self) { try Checkpoint(contentsOf: path, vocabulary: vocabulary) }
    }
}

@Test func `a file without a network says so`() throws {
    var file = try checkpointFile()
    file.metadata["network"] = nil
    expect(.noNetwork(path: "f"), from: file)
    expect(.noNetwork(path: "f"), from: Safetensors())
    #expect("\(CheckpointError.noNetwork(path: "f"))".contains("are stated at network.weights"))
}

@Test(arguments: [
    "", "null", "[]", "{}", "{\"name\":1}", "{\"name\":\"n\",\"inputShape\":[1]}",
    "{\"name\":\"n\",\"inputShape\":[1.5],\"nodes\":[]}",
    "{\"name\":\"n\",\"inputShape\":[1e30],\"nodes\":[]}",
    "{\"name\":\"n\",\"inputShape\":\"1\",\"nodes\":[]}",
    "{\"name\":\"n\",\"inputShape\":[1],\"nodes\":[{}]}",
    String(repeating: "[", count: 100_000),
])
func `a network that is no such JSON is an error`(text: String) throws {
    var file = try checkpointFile()
    file.metadata["network"] = text
    #expect {
        try Checkpoint(file, path: "f", vocabulary: vocabulary)
    } throws: { error in
        guard case CheckpointError.badMetadata(path: "f", field: "network", _) = error else {
            return false
        }
        return true
    }
}

@Test func `a kind that nobody knows is an error that lists the known ones`() throws {
    let layers = [
        "activation", "add", "average-pooling", "batch-normalization", "channel-shuffle",
        "concatenation", "convolution", "dropout", "flatten", "global-average-pooling", "linear",
        "max-pooling", "multiply", "padding", "reshape", "slice", "softmax",
    ]
    expect(
        .unfit(path: "f", reason: "\(SavedStateError.unknownKind("swish", known: layers))"),
        from: try edited("\"kind\":\"activation\"", to: "\"kind\":\"swish\""))
    let chain = ["scaling", "sieve"]
    expect(
        .unfit(path: "f", reason: "\(SavedStateError.unknownKind("colander", known: chain))"),
        from: try edited("\"sieve\"", to: "\"colander\"").renaming("sieve", to: "colander"))
}

extension Safetensors {
    fileprivate func renaming(_ old: String, to new: String) -> Safetensors {
        var file = self
        for index in file.tensors.indices {
            file.tensors[index].name = file.tensors[index].name
                .replacingOccurrences(of: old, with: new)
        }
        return file
    }
}

@Test func `each tensor that is missing is named`() throws {
    let file = try checkpointFile()
    for (index, entry) in file.tensors.enumerated() where !entry.name.hasPrefix("optimizer/") {
        var broken = file
        broken.tensors.remove(at: index)
        expect(.missingTensor(path: "f", name: entry.name), from: broken)
        // Bytes where floats belong, and floats where bytes belong.
        let other: Safetensors.Content =
            if case .bytes = entry.content {
                .float32(Tensor(shape: [108]))
            } else {
                .bytes(shape: [1], [1])
            }
        broken = file
        broken.tensors[index].content = other
        expect(.missingTensor(path: "f", name: entry.name), from: broken)
    }
}

/// Each of them would get memory of its own for the same tensors of the file.
@Test func `two layers of one name are refused before anything is made of them`() throws {
    var file = try checkpointFile()
    var record = try #require(
        try JSONSerialization.jsonObject(with: Data(file.metadata["network"]!.utf8))
            as? [String: Any])
    var nodes = try #require(record["nodes"] as? [[String: Any]])
    nodes.append(nodes.last!)
    record["nodes"] = nodes
    file.metadata["network"] = String(
        decoding: try JSONSerialization.data(withJSONObject: record), as: UTF8.self)
    // Were a layer made first, this is what would be missing.
    file.tensors.removeAll { $0.name == "conv.weight" }
    expect(.unfit(path: "f", reason: "two layers are named 'fc'"), from: file)
}

@Test func `a parametrization that comes twice is refused`() throws {
    var file = try checkpointFile()
    let text = try #require(file.metadata["network"])
    let part = try #require(
        text.range(of: #"\{[^{]*"kind":"sieve"[^}]*\}[^}]*\}"#, options: .regularExpression))
    file.metadata["network"] = text.replacingCharacters(
        in: part, with: "\(text[part]),\(text[part])")
    expect(.unfit(path: "f", reason: "parameter 'fc.weight' has 'sieve' twice"), from: file)
}

@Test(arguments: [0, 1, 107, 109])
func `a parametrization that does not fit its tensor is an error`(count: Int) throws {
    var file = try checkpointFile()
    let index = try #require(file.tensors.firstIndex { $0.name == "fc.weight/sieve/kept" })
    file.tensors[index].content = .bytes(
        shape: [count], [UInt8](repeating: 1, count: count))
    let error = SavedStateError.wrongShape(
        kind: "sieve", field: "kept", found: [count], expected: [36, 3])
    expect(.unfit(path: "f", reason: "\(error)"), from: file)
}

@Test func `a tensor of another shape is an error with both`() throws {
    let file = try checkpointFile()
    let shapes = [
        "conv.weight": [3, 3, 1, 4], "conv.bias": [4], "fc.weight": [36, 3], "fc.bias": [3],
    ]
    for (name, expected) in shapes {
        let index = try #require(file.tensors.firstIndex { $0.name == name })
        for found in [[], [0], expected + [1], expected.map { $0 + 1 }, Array(expected.dropLast())]
        where found != expected {
            var broken = file
            broken.tensors[index].content = .float32(Tensor(shape: found))
            expect(
                .wrongShape(path: "f", name: name, found: found, expected: expected), from: broken)
        }
    }
}

@Test(arguments: [
    ("\"inputs\":36", "\"inputs\":0"), ("\"inputs\":36", "\"inputs\":-36"),
    ("\"inputs\":36", "\"inputs\":36.5"), ("\"inputs\":36", "\"inputs\":1e300"),
    ("\"inputs\":36", "\"inputs\":1099511627776"), ("\"inputs\":36", "\"inputs\":16777216"),
    ("\"inputs\":36,\"outputs\":3", "\"inputs\":16777216,\"outputs\":16777216"),
    ("\"kernel0\":3", "\"kernel0\":0"), ("\"kernel0\":3", "\"kernel0\":-3"),
    ("\"kernel0\":3", "\"kernel0\":256"), ("\"kernel0\":3", "\"kernel0\":9223372036854775807"),
    ("\"stride0\":1", "\"stride0\":0"), ("\"stride1\":2", "\"stride1\":0"),
    ("\"padding0\":1", "\"padding0\":-1"), ("\"padding1\":1", "\"padding1\":1000000"),
    ("\"outputs\":4", "\"outputs\":16777216"),
    ("\"outputs\":4", "\"outputs\":1099511627776"),
    ("\"channels\":1", "\"channels\":16777216"), ("\"height\":6", "\"height\":16777216"),
    ("\"rate\":0.25", "\"rate\":1"), ("\"rate\":0.25", "\"rate\":0.9999999999999"),
    ("\"inputShape\":[6,6,1]", "\"inputShape\":[]"),
    ("\"inputShape\":[6,6,1]", "\"inputShape\":[0,6,1]"),
    ("\"inputShape\":[6,6,1]", "\"inputShape\":[-6,-6,1]"),
    ("\"inputShape\":[6,6,1]", "\"inputShape\":[4611686018427387904,6,1]"),
    ("\"inputShape\":[6,6,1]", "\"inputShape\":[6,6]"),
    ("\"inputs\":[0]", "\"inputs\":[]"), ("\"inputs\":[0]", "\"inputs\":[7]"),
    ("\"inputs\":[2]", "\"inputs\":[-1]"), ("\"inputs\":[2]", "\"inputs\":[2,2]"),
    ("\"inputs\":[2]", "\"inputs\":[9223372036854775807]"),
    ("\"name\":\"pool\"", "\"name\":\"relu\""), ("\"stride1\"", "\"stride9\""),
])
func `a number that no network can have is an error`(old: String, new: String) throws {
    let file = try edited(old, to: new)
    #expect {
        try Checkpoint(file, path: "f", vocabulary: vocabulary)
    } throws: { error in
        if case CheckpointError.unfit(path: "f", _) = error { return true }
        return false
    }
}

@Test(arguments: [
    ("\"epoch\":1", "\"epoch\":-1"), ("\"epoch\":1", "\"epoch\":9223372036854775807"),
    ("\"step\":1", "\"step\":-1"), ("\"step\":1", "\"step\":4611686018427387904"),
    ("\"step\":1", "\"step\":1.5"), ("\"step\":1", "\"other\":1"), ("{", "["),
])
func `a training that no one can have reached is an error`(old: String, new: String) throws {
    let file = try edited(old, to: new, field: "training")
    #expect {
        try Checkpoint(file, path: "f", vocabulary: vocabulary)
    } throws: { error in
        guard case CheckpointError.badMetadata(path: "f", field: "training", _) = error else {
            return false
        }
        return true
    }
}

/// Such a file could be smaller than this line and ask for 256 TiB.
@Test func `a layer without its weights asks for no memory`() throws {
    for (kind, numbers) in [
        ("linear", "\"inputs\":16777216,\"outputs\":4194304"),
        (
            "convolution",
            """
            "height":9,"width":9,"channels":16777216,"outputs":16777216,"kernel0":9,"kernel1":9,\
            "stride0":1,"stride1":1,"padding0":0,"padding1":0
            """
        ),
    ] {
        let json = """
            {"name":"n","inputShape":[9,9,16777216],"nodes":[{"name":"a","inputs":[0],\
            "layer":{"kind":"\(kind)","numbers":{\(numbers)},"tensors":[],"bytes":[]},\
            "parameters":[]}]}
            """
        #expect(throws: CheckpointError.self) {
            try Checkpoint(
                Safetensors(metadata: ["network": json]), path: "f", vocabulary: vocabulary)
        }
    }
}

@Test(arguments: [1, 2, 3] as [UInt64])
func `a checkpoint with changed characters is an error or a network that runs`(seed: UInt64) throws
{
    var generator = SeededGenerator(seed: seed)
    let file = try checkpointFile()
    let text = Array(try #require(file.metadata["network"]).utf8)
    for round in 0..<400 {
        var bytes = text
        for _ in 0...Int.random(in: 0...1, using: &generator) {
            bytes[Int.random(in: bytes.indices, using: &generator)] =
                Array("0123456789-.eE[]{}\",:a".utf8).randomElement(using: &generator)!
        }
        var broken = file
        broken.metadata["network"] = String(decoding: bytes, as: UTF8.self)
        do {
            var network = try Checkpoint(broken, path: "f", vocabulary: vocabulary).network
            var pass = Pass(isTraining: true)
            let y = network.forward(Tensor(shape: [1] + network.inputShape), pass: &pass)
            #expect(y.count > 0, "seed \(seed), round \(round)")
            network.backward(y, pass: &pass)
        } catch {
            #expect(error is CheckpointError, "seed \(seed), round \(round): \(error)")
        }
    }
}
