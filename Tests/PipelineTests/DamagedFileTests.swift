import Container
import Foundation
import PackedModel
import Testing

/// The file of a LeNet-300-100 at 3 % density and 3 bits.
private let lenetFile: [UInt8] = {
    let sizes = [784, 300, 100, 10]
    var nodes: [PackedNode] = []
    for index in 1..<sizes.count {
        let part = layerModel(
            inputs: sizes[index - 1], outputs: sizes[index], density: index == 3 ? 0.2 : 0.03,
            bits: 3, seed: UInt64(index))
        guard case .linear(var layer) = part.nodes[0].operation else { preconditionFailure() }
        if index < 3 {
            layer.activation = .relu
            layer.output = PackedQuantizer(bits: 4, isSigned: false, scale: 0.2, offset: 0)
        }
        nodes.append(
            PackedNode(name: "fc\(index)", inputs: [index - 1], operation: .linear(layer)))
    }
    var model = layerModel(inputs: 784, outputs: 1, density: 1, bits: 2, seed: 0)
    model.name = "lenet-300-100"
    model.nodes = nodes
    return try! Container.write(model).bytes
}()

/// The same network in floats: `float16`, with shared and with own halves, or `dynamic-range`.
private func floatFile(_ mode: String) -> [UInt8] {
    var model = try! Container.read(lenetFile)
    model.input.quantizer = nil
    for index in model.nodes.indices {
        var layer = model.nodes[index].operation.layer!
        layer.output = nil
        if mode == "float16" {
            let weights = layer.weights
            let halves = weights.codes.enumerated().map { place, code in
                HalfPrecision.bits(
                    rounding: Float(weights.levels[Int(code)]) + (index > 0 ? Float(place) : 0))
            }
            layer.weights = PackedTensor(
                shape: weights.shape, gaps: weights.gaps, halves: halves.map { max($0, 1) },
                scales: weights.scales)
        }
        model.nodes[index].operation.layer = layer
    }
    return try! Container.write(model).bytes
}

private let files = [lenetFile, floatFile("float16"), floatFile("dynamic-range")]

@Suite struct `The file of a LeNet` {
    @Test(arguments: files)
    func `that is cut at any length is refused by an error that names a section`(
        file: [UInt8]
    ) throws {
        for length in 0..<file.count {
            try expectRefusal(Array(file[..<length]), "cut to \(length)")
        }
    }

    @Test(arguments: files)
    func `with any one bit flipped is refused by an error that names a section`(
        file: [UInt8]
    ) throws {
        var bytes = file
        for position in bytes.indices {
            for bit in 0..<8 {
                bytes[position] ^= 1 << bit
                try expectRefusal(bytes, "bit \(bit) of byte \(position)")
                bytes[position] ^= 1 << bit
            }
        }
        #expect(try Container.read(bytes).name == "lenet-300-100")
    }

    /// In a process of its own, whose peak no other test has raised.
    @Test func `takes less than 64 MB to read, or to refuse, in whatever way it is damaged`() async
    {
        await #expect(processExitsWith: .success) {
            let files = files
            let before = peakBytes()
            for file in files {
                var bytes = file
                _ = try Container.read(bytes)
                for length in 0..<bytes.count { _ = try? Container.read(Array(bytes[..<length])) }
                for position in bytes.indices {
                    bytes[position] ^= 0x40
                    _ = try? Container.read(bytes)
                    bytes[position] ^= 0x40
                }
            }
            guard peakBytes() - before < 64 << 20 else { exit(EXIT_FAILURE) }
        }
    }

    private func expectRefusal(_ bytes: [UInt8], _ what: String) throws {
        do {
            _ = try Container.read(bytes)
            Issue.record("\(what): read as if nothing were wrong")
        } catch {
            let text = "\(error)"
            let sections = ["header: ", "metadata section: ", "tensor section of \"fc"]
            if !sections.contains(where: text.hasPrefix) {
                Issue.record("\(what): no section in '\(text)'")
            }
        }
    }
}

/// The most memory that this process has had.
private func peakBytes() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Int(usage.ru_maxrss) * 1024
}
