import CShrinkEngine
import Container
import Inference
import PackedModel

/// What a `shrink_model` of the C interface is: an engine, and its description as C sees it.
final class OpenModel: Sendable {
    let engine: Engine
    private let text: DescriptionStorage

    init(_ bytes: [UInt8], options: EngineOptions) throws {
        let model = try Container.read(bytes, threads: options.threads)
        engine = try Engine(model, options: options)
        text = DescriptionStorage(model, isa: engine.plan.instructionSet)
    }

    var description: shrink_description {
        shrink_description(
            name: text.name, rank: text.shape.count, shape: text.shape.baseAddress,
            input_count: engine.inputCount, output_count: engine.outputCount,
            pixel_scale: text.pixelScale, mean_count: text.mean.count,
            mean: text.mean.baseAddress, deviation: text.deviation.baseAddress,
            class_names: text.classNames?.baseAddress,
            isa: text.isa, threads: UInt32(engine.options.threads))
    }
}

/// Strings and lists that C may point to. They are written here and only read from then on.
private final class DescriptionStorage: @unchecked Sendable {
    let name, isa: UnsafePointer<CChar>
    let shape: UnsafeBufferPointer<Int>
    let pixelScale: Float
    /// As many of each: one a channel, one a feature, or one for all.
    let mean, deviation: UnsafeBufferPointer<Float>
    /// `nil` if classes have no names.
    let classNames: UnsafeBufferPointer<UnsafePointer<CChar>?>?

    init(_ model: PackedModel, isa: String) {
        name = copied(model.name)
        self.isa = copied(isa)
        shape = copied(model.input.shape)
        pixelScale = model.input.pixelScale
        mean = copied(model.input.mean)
        deviation = copied(model.input.deviation)
        let names = model.classNames
        classNames = names.isEmpty ? nil : copied(names.map { Optional(copied($0)) })
    }

    deinit {
        name.deallocate()
        isa.deallocate()
        shape.deallocate()
        mean.deallocate()
        deviation.deallocate()
        classNames?.forEach { $0?.deallocate() }
        classNames?.deallocate()
    }
}

private func copied<Value: BitwiseCopyable>(_ values: [Value]) -> UnsafeBufferPointer<Value> {
    let copy = UnsafeMutableBufferPointer<Value>.allocate(capacity: values.count)
    _ = copy.initialize(from: values)
    return UnsafeBufferPointer(copy)
}

/// With a zero at its end.
private func copied(_ text: String) -> UnsafePointer<CChar> {
    let bytes: UnsafeBufferPointer<CChar> = copied(text.utf8.map { CChar(bitPattern: $0) } + [0])
    return bytes.baseAddress!
}
