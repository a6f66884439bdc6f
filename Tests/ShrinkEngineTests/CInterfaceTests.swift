import CShrinkEngine
import Container
import Dispatch
import Foundation
import Inference
import PackedModel
import Testing

/// The functions of `shrink_engine.h`, called as C does.
@Suite struct `The C interface` {
    private let file: [UInt8]
    private let engine: Engine

    init() throws {
        let model = smallModel()
        file = try Container.write(model).bytes
        engine = try Engine(model)
    }

    private func opened(threads: UInt32 = 0) throws -> OpaquePointer {
        var options = shrink_options(threads: threads, isa: nil)
        var model: OpaquePointer?
        let status = file.withUnsafeBytes {
            shrink_open_memory($0.baseAddress, $0.count, &options, &model)
        }
        #expect(status == SHRINK_OK)
        return try #require(model)
    }

    private var lastError: String { String(cString: shrink_last_error()) }

    private func pixels(_ count: Int) -> [UInt8] {
        (0..<count * engine.inputCount).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 >> 3) }
    }

    // MARK: Running

    @Test(arguments: [0, 1, 63, 64, 65, 200]) func `returns the engine's logits`(count: Int) throws
    {
        let model = try opened(threads: 2)
        defer { shrink_close(model) }
        let pixels = pixels(count)
        // One more than there is room for must stay as it is.
        var logits = [Float](repeating: -7, count: count * engine.outputCount + 1)
        #expect(shrink_run_bytes(model, pixels, count, &logits) == SHRINK_OK)
        #expect(Array(logits.dropLast()) == engine.logits(pixels: pixels))
        #expect(logits.last == -7)

        var again = [Float](repeating: -7, count: logits.count)
        let samples = pixels.map(Float.init)
        #expect(shrink_run_floats(model, samples, count, &again) == SHRINK_OK)
        #expect(again == logits)
    }

    @Test func `runs models in floats, too`() throws {
        var model = smallModel()
        model.input.quantizer = nil
        for index in model.nodes.indices {
            guard var layer = model.nodes[index].operation.layer else { continue }
            layer.output = nil
            if index == 0 {
                let weights = layer.weights
                layer.weights = PackedTensor(
                    shape: weights.shape, gaps: weights.gaps,
                    halves: weights.codes.map { 0x3000 + 97 * UInt16($0) }, scales: weights.scales)
            }
            model.nodes[index].operation.layer = layer
        }
        let file = try Container.write(model).bytes
        var opened: OpaquePointer?
        let status = file.withUnsafeBytes {
            shrink_open_memory($0.baseAddress, $0.count, nil, &opened)
        }
        #expect(status == SHRINK_OK)
        defer { shrink_close(opened) }
        let pixels = pixels(70)
        var logits = [Float](repeating: -7, count: 70 * engine.outputCount)
        #expect(shrink_run_bytes(opened, pixels, 70, &logits) == SHRINK_OK)
        #expect(try logits == Engine(model).logits(pixels: pixels))
        #expect(Set(logits).count > 70)
    }

    @Test func `opens a path`() throws {
        let path = NSTemporaryDirectory() + "c-interface-\(UUID().uuidString).shrink"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(file).write(to: URL(fileURLWithPath: path))
        var model: OpaquePointer?
        #expect(shrink_open_file(path, nil, &model) == SHRINK_OK)
        defer { shrink_close(model) }
        var about = shrink_description()
        #expect(shrink_describe(model, &about) == SHRINK_OK)
        #expect(about.threads == 1)
    }

    @Test func `opens a path that is no UTF-8`() throws {
        let plain = NSTemporaryDirectory() + "c-interface-\(UUID().uuidString)"
        // "-ü" in Latin-1.
        let path = plain.utf8CString.dropLast() + [CChar(45), CChar(bitPattern: 0xFC), 0]
        try Data(file).write(to: URL(fileURLWithPath: plain))
        try #require(rename(plain, Array(path)) == 0)
        defer { unlink(Array(path)) }
        var model: OpaquePointer?
        #expect(shrink_open_file(Array(path), nil, &model) == SHRINK_OK)
        shrink_close(model)
    }

    @Test func `names the file whose content is at fault, and no other`() throws {
        let path = NSTemporaryDirectory() + "c-interface-\(UUID().uuidString).shrink"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var model: OpaquePointer?
        var damaged = file
        damaged[damaged.count / 2] ^= 1
        try Data(damaged).write(to: URL(fileURLWithPath: path))
        #expect(shrink_open_file(path, nil, &model) == SHRINK_INVALID_MODEL)
        #expect(lastError.hasPrefix("'\(path)': ") && lastError.contains(" section: checksum "))
        try Data(Container.write(overflowingModel()).bytes).write(to: URL(fileURLWithPath: path))
        #expect(shrink_open_file(path, nil, &model) == SHRINK_UNSUPPORTED_MODEL)
        #expect(lastError.hasPrefix("'\(path)': node 'fc': "))
        var options = shrink_options(threads: .max, isa: nil)
        #expect(shrink_open_file(path, &options, &model) == SHRINK_INVALID_ARGUMENT)
        #expect(!lastError.contains(path))
    }

    @Test func `describes what goes in and what comes out`() throws {
        let model = try opened(threads: 3)
        defer { shrink_close(model) }
        var about = shrink_description()
        #expect(shrink_describe(model, &about) == SHRINK_OK)
        #expect(String(cString: about.name) == "small")
        #expect(Array(UnsafeBufferPointer(start: about.shape, count: about.rank)) == [2, 5, 4])
        #expect(about.input_count == 40)
        #expect(about.output_count == 3)
        #expect(about.pixel_scale == Float(1) / 255)
        #expect(about.mean_count == 2)
        #expect(Array(UnsafeBufferPointer(start: about.mean, count: 2)) == [0.25, 0.5])
        #expect(Array(UnsafeBufferPointer(start: about.deviation, count: 2)) == [0.5, 0.75])
        let names = try #require(about.class_names)
        #expect((0..<3).map { String(cString: names[$0]!) } == ["cat", "dog", "Zürich"])
        #expect(String(cString: about.isa) == engine.plan.instructionSet)
        #expect(about.threads == 3)
    }

    @Test(arguments: [1, 40]) func `describes how features are normalized`(count: Int) throws {
        var model = smallModel()
        model.input.shape = [40]
        model.input.mean = (0..<count).map { Float($0) }
        model.input.deviation = (1...count).map { Float($0) }
        let file = try Container.write(model).bytes
        var opened: OpaquePointer?
        #expect(shrink_open_memory(file, file.count, nil, &opened) == SHRINK_OK)
        defer { shrink_close(opened) }
        var about = shrink_description()
        #expect(shrink_describe(opened, &about) == SHRINK_OK)
        #expect(about.mean_count == count)
        let (mean, deviation) = (about.mean, about.deviation)
        #expect(Array(UnsafeBufferPointer(start: mean, count: count)) == model.input.mean)
        #expect(Array(UnsafeBufferPointer(start: deviation, count: count)) == model.input.deviation)
    }

    @Test func `runs one model on many threads at a time`() throws {
        let model = try opened(threads: 2)
        defer { shrink_close(model) }
        let handle = UInt(bitPattern: model)
        let pixels = pixels(70)
        let expected = engine.logits(pixels: pixels)
        let failures = LockedCount()
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<20 {
                var logits = [Float](repeating: 0, count: expected.count)
                let status = shrink_run_bytes(
                    OpaquePointer(bitPattern: handle), pixels, 70, &logits)
                if status != SHRINK_OK || logits != expected { failures.increase() }
            }
        }
        #expect(failures.value == 0)
    }

    // MARK: Errors

    @Test func `names the argument that is NULL`() throws {
        let model = try opened()
        defer { shrink_close(model) }
        var logits = [Float](repeating: 0, count: 3)
        let pixels = pixels(1)
        #expect(shrink_run_bytes(nil, pixels, 1, &logits) == SHRINK_INVALID_ARGUMENT)
        #expect(lastError == "model is NULL")
        #expect(shrink_run_bytes(model, nil, 1, &logits) == SHRINK_INVALID_ARGUMENT)
        #expect(lastError == "pixels is NULL")
        #expect(shrink_run_floats(model, nil, 1, &logits) == SHRINK_INVALID_ARGUMENT)
        #expect(lastError == "samples is NULL")
        #expect(shrink_run_bytes(model, pixels, 1, nil) == SHRINK_INVALID_ARGUMENT)
        #expect(lastError == "logits is NULL")
        #expect(shrink_describe(model, nil) == SHRINK_INVALID_ARGUMENT)
        #expect(lastError == "description is NULL")
        #expect(shrink_open_file("x", nil, nil) == SHRINK_INVALID_ARGUMENT)
        var other: OpaquePointer? = model
        #expect(shrink_open_file(nil, nil, &other) == SHRINK_INVALID_ARGUMENT)
        #expect(lastError == "path is NULL")
        #expect(other == nil)
        #expect(shrink_open_memory(nil, 4, nil, &other) == SHRINK_INVALID_ARGUMENT)
        shrink_close(nil)
    }

    @Test func `refuses floats at an odd address`() throws {
        let model = try opened()
        defer { shrink_close(model) }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 1 << 16, alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: 1 << 16)
        let samples = memory.assumingMemoryBound(to: Float.self)
        let logits = (memory + (1 << 15)).assumingMemoryBound(to: Float.self)
        #expect(shrink_run_floats(model, samples, 1, logits) == SHRINK_OK)
        for offset in 1...3 {
            let oddSamples = (memory + offset).assumingMemoryBound(to: Float.self)
            #expect(shrink_run_floats(model, oddSamples, 1, logits) == SHRINK_INVALID_ARGUMENT)
            #expect(lastError == "samples stands at an address that is no multiple of 4")
            let oddLogits = (memory + (1 << 15) + offset).assumingMemoryBound(to: Float.self)
            #expect(shrink_run_floats(model, samples, 1, oddLogits) == SHRINK_INVALID_ARGUMENT)
            #expect(lastError == "logits stands at an address that is no multiple of 4")
        }
        // Bytes may stand anywhere.
        let bytes = (memory + 1).assumingMemoryBound(to: UInt8.self)
        #expect(shrink_run_bytes(model, bytes, 1, logits) == SHRINK_OK)
    }

    @Test func `refuses a count whose values no memory could hold`() throws {
        let model = try opened()
        defer { shrink_close(model) }
        var logits: [Float] = [0]
        for count in [Int.max, Int.max / 4, Int.max / 40, -1] {
            #expect(
                shrink_run_bytes(model, [1], count, &logits) == SHRINK_INVALID_ARGUMENT, "\(count)")
            #expect(lastError.contains("\(UInt(bitPattern: count)) "))
        }
    }

    @Test(arguments: ["/no/such/file", "/"]) func `tells why a file can not be read`(path: String) {
        var model: OpaquePointer?
        #expect(shrink_open_file(path, nil, &model) == SHRINK_UNREADABLE_FILE)
        #expect(lastError.contains("'\(path)'"))
        #expect(model == nil)
    }

    @Test func `refuses damaged bytes`() {
        var model: OpaquePointer?
        var bytes = file
        bytes[bytes.count / 2] ^= 1
        #expect(shrink_open_memory(bytes, bytes.count, nil, &model) == SHRINK_INVALID_MODEL)
        #expect(lastError.contains("section"))
        #expect(shrink_open_memory(bytes, 0, nil, &model) == SHRINK_INVALID_MODEL)
        #expect(model == nil)
    }

    @Test func `refuses a network whose sums could overflow`() throws {
        let bytes = try Container.write(overflowingModel()).bytes
        var model: OpaquePointer?
        #expect(shrink_open_memory(bytes, bytes.count, nil, &model) == SHRINK_UNSUPPORTED_MODEL)
        #expect(lastError.contains("node 'fc'"))
    }

    @Test func `knows the options' values`() {
        var model: OpaquePointer?
        "mmx".withCString { name in
            var options = shrink_options(threads: 1, isa: name)
            #expect(
                shrink_open_memory(file, file.count, &options, &model) == SHRINK_INVALID_ARGUMENT)
            #expect(lastError.contains("'mmx'"))
        }
        var options = shrink_options(threads: .max, isa: nil)
        #expect(shrink_open_memory(file, file.count, &options, &model) == SHRINK_INVALID_ARGUMENT)
        #expect(lastError.contains("\(UInt32.max) threads"))
    }

    @Test func `keeps a last error for each thread, cut between characters`() async {
        shrink_set_last_error(String(repeating: "ä", count: 2000))
        #expect(lastError == String(repeating: "ä", count: 511))
        let elsewhere = await withCheckedContinuation { continuation in
            Thread { continuation.resume(returning: String(cString: shrink_last_error())) }.start()
        }
        #expect(elsewhere == "")
    }
}

private final class LockedCount: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var value = 0

    func increase() { lock.withLock { value += 1 } }
}

private func denseLayer(_ outputs: Int, _ inputs: Int, level: Int8) -> PackedLayer {
    let count = outputs * inputs
    return PackedLayer(
        weights: PackedTensor(
            shape: [outputs, inputs], levels: [0, level, -level],
            gaps: [UInt32](repeating: 0, count: count),
            codes: (0..<count).map { outputs == 1 ? 1 : UInt8($0 % 7 % 2 + 1) }, scales: [0.5]),
        bias: PackedBias(bits: 4, scale: 0.1, codes: [Int16](repeating: 1, count: outputs)),
        activation: .identity, output: nil)
}

/// A layer whose sums could leave 32 bits.
private func overflowingModel() -> PackedModel {
    var model = smallModel()
    let count = 1 << 18
    model.input.shape = [count]
    model.input.mean = [0]
    model.input.deviation = [1]
    model.input.quantizer?.bits = 8
    model.nodes = [
        PackedNode(name: "fc", inputs: [0], operation: .linear(denseLayer(1, count, level: 127)))
    ]
    model.classNames = []
    return model
}

/// Images `[2, 5, 4]`, three classes.
private func smallModel() -> PackedModel {
    PackedModel(
        name: "small",
        input: PackedInput(
            shape: [2, 5, 4], pixelScale: 1 / 255, mean: [0.25, 0.5], deviation: [0.5, 0.75],
            quantizer: PackedQuantizer(bits: 5, isSigned: true, scale: 0.1, offset: 0)),
        nodes: [
            PackedNode(name: "flatten", inputs: [0], operation: .flatten),
            PackedNode(name: "fc", inputs: [1], operation: .linear(denseLayer(3, 40, level: 3))),
        ], classNames: ["cat", "dog", "Zürich"])
}
