public import CShrinkEngine
import Container
import Inference

// The functions of `shrink_engine.h`, where what they do is written.

@_cdecl("shrink_open_file")
public func openFile(
    _ path: UnsafePointer<CChar>?, _ options: UnsafePointer<shrink_options>?,
    _ model: UnsafeMutablePointer<OpaquePointer?>?
) -> shrink_status {
    open(options, model, path: path) {
        guard let path else { throw InterfaceError.null("path") }
        return try fileBytes(path)
    }
}

@_cdecl("shrink_open_memory")
public func openMemory(
    _ bytes: UnsafeRawPointer?, _ length: Int, _ options: UnsafePointer<shrink_options>?,
    _ model: UnsafeMutablePointer<OpaquePointer?>?
) -> shrink_status {
    open(options, model) {
        guard let bytes else { throw InterfaceError.null("bytes") }
        guard length >= 0 else { throw InterfaceError.count(length) }
        return [UInt8](UnsafeRawBufferPointer(start: bytes, count: length))
    }
}

@_cdecl("shrink_describe")
public func describe(
    _ model: OpaquePointer?, _ description: UnsafeMutablePointer<shrink_description>?
) -> shrink_status {
    status {
        try withModel(model) {
            guard let description else { throw InterfaceError.null("description") }
            description.pointee = $0.description
        }
    }
}

@_cdecl("shrink_run_bytes")
public func runBytes(
    _ model: OpaquePointer?, _ pixels: UnsafePointer<UInt8>?, _ count: Int,
    _ logits: UnsafeMutablePointer<Float>?
) -> shrink_status {
    run(model, pixels, "pixels", count, logits) { engine, pixels, logits in
        engine.run(pixels: pixels, count: count, into: &logits)
    }
}

@_cdecl("shrink_run_floats")
public func runFloats(
    _ model: OpaquePointer?, _ samples: UnsafePointer<Float>?, _ count: Int,
    _ logits: UnsafeMutablePointer<Float>?
) -> shrink_status {
    run(model, samples, "samples", count, logits) { engine, samples, logits in
        engine.run(samples: samples, count: count, into: &logits)
    }
}

@_cdecl("shrink_close")
public func close(_ model: OpaquePointer?) {
    guard let model else { return }
    Unmanaged<OpenModel>.fromOpaque(UnsafeRawPointer(model)).release()
}

// MARK: What they have in common

/// Hands out a model made from the bytes that `read` returns; `path` is where they come from, if from a
/// file.
private func open(
    _ options: UnsafePointer<shrink_options>?, _ model: UnsafeMutablePointer<OpaquePointer?>?,
    path: UnsafePointer<CChar>? = nil, read: () throws -> [UInt8]
) -> shrink_status {
    model?.pointee = nil
    return status {
        guard let model else { throw InterfaceError.null("model") }
        let options = try engineOptions(options)
        let bytes = try read()
        let opened = try naming(path) { try OpenModel(bytes, options: options) }
        model.pointee = OpaquePointer(Unmanaged.passRetained(opened).toOpaque())
        shrink_return_free_memory()
    }
}

private func engineOptions(_ options: UnsafePointer<shrink_options>?) throws -> EngineOptions {
    var result = EngineOptions()
    guard let options = options?.pointee else { return result }
    if options.threads > 0 { result.threads = Int(options.threads) }
    guard result.threads <= EngineOptions.mostThreads else {
        throw EngineError.threads(found: result.threads)
    }
    if let isa = options.isa {
        let name = String(cString: isa)
        guard let set = InstructionSet(rawValue: name) else {
            throw EngineError.instructionSet(
                found: name, available: KernelSet.available.map(\.isa))
        }
        result.isa = set
    }
    return result
}

/// Calls `body` with an open model, which the caller keeps open: so no references are counted, which takes
/// 40 ns a call.
private func withModel<Result>(
    _ model: OpaquePointer?, _ body: (OpenModel) throws -> Result
) throws -> Result {
    guard let model else { throw InterfaceError.null("model") }
    return try Unmanaged<OpenModel>.fromOpaque(UnsafeRawPointer(model))
        ._withUnsafeGuaranteedRef { try body($0) }
}

/// Checks the arguments of a run, then hands them to `body` as spans.
private func run<Value>(
    _ model: OpaquePointer?, _ values: UnsafePointer<Value>?, _ name: String, _ count: Int,
    _ logits: UnsafeMutablePointer<Float>?,
    body: (Engine, Span<Value>, inout MutableSpan<Float>) -> Void
) -> shrink_status {
    status {
        try withModel(model) { model in
            let engine = model.engine
            let longest = Int.max / MemoryLayout<Float>.stride
            let largest = max(engine.inputCount, engine.outputCount)
            guard (0...longest / largest).contains(count) else {
                throw InterfaceError.count(count)
            }
            if count == 0 { return }
            guard let values else { throw InterfaceError.null(name) }
            guard let logits else { throw InterfaceError.null("logits") }
            try requireAlignment(of: values, name)
            try requireAlignment(of: logits, "logits")
            let input = UnsafeBufferPointer(start: values, count: count * engine.inputCount)
            let output = UnsafeMutableBufferPointer(
                start: logits, count: count * engine.outputCount)
            var room = output.mutableSpan
            body(engine, input.span, &room)
        }
    }
}

private func requireAlignment<Value>(of values: UnsafePointer<Value>, _ name: String) throws {
    let alignment = MemoryLayout<Value>.alignment
    guard UInt(bitPattern: values).isMultiple(of: UInt(alignment)) else {
        throw InterfaceError.misaligned(name, alignment: alignment)
    }
}
