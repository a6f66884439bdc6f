import Container
import Foundation
import PackedModel
import Tensors

extension PackedModel {
    /// The weights and biases in floats, named as PyTorch names them and in its layout:
    /// `fc1.weight` `[outputs, inputs]`, `conv1.weight` `[outputs, channels, height, width]`. Channels are
    /// those of the file, in its order (`arrangingChannels`).
    ///
    /// The metadata say what quantizes the activations, and list the names of the classes in JSON.
    /// Layers of one name, which a file may have, get numbers behind it.
    /// - Parameter integers: whether `fc1.codes` holds the integers, too: `weight = scale · integer`,
    ///   with the scales in `fc1.scale`; weights in half precision have none. Readers that know the
    ///   network's own names only refuse these.
    public func decoded(integers includesIntegers: Bool = false) -> Safetensors {
        // Not `network`, which is the graph of a checkpoint.
        var file = Safetensors(metadata: [
            "name": name, "input.shape": "\(input.shape)",
            "input.quantizer": input.quantizer.map(text) ?? "none",
            "classes": listText(classNames),
        ])
        var taken: Set<String> = []
        for node in nodes {
            guard let layer = node.layer else { continue }
            let name = unique(node.name, &taken)
            let scales = layer.weights.scales
            file.append(
                Tensor(shape: layer.weights.shape, elements: layer.weights.reals),
                named: "\(name).weight")
            if includesIntegers, layer.weights.halves.isEmpty {
                file.append(
                    int8: layer.weights.integers, shape: layer.weights.shape,
                    named: "\(name).codes")
                file.append(
                    Tensor(shape: [scales.count], elements: scales), named: "\(name).scale")
            }
            file.append(
                Tensor(
                    shape: [layer.bias.codes.count],
                    elements: layer.bias.codes.map { layer.bias.scale * Float($0) }),
                named: "\(name).bias")
            file.metadata["\(name).activation"] = "\(layer.activation)"
            file.metadata["\(name).quantizer"] = layer.output.map(text) ?? "none"
        }
        return file
    }

    /// A list in JSON, since names may have commas in them.
    private func listText(_ names: [String]) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let bytes = try? encoder.encode(names)
        return bytes.map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    }

    private func unique(_ name: String, _ taken: inout Set<String>) -> String {
        var (result, number) = (name, 2)
        while !taken.insert(result).inserted {
            result = "\(name)-\(number)"
            number += 1
        }
        return result
    }

    private func text(_ quantizer: PackedQuantizer) -> String {
        "bits \(quantizer.bits), signed \(quantizer.isSigned), scale \(quantizer.scale), "
            + "offset \(quantizer.offset)"
    }
}

extension PackedTensor {
    /// All weights in order, zeros included.
    var reals: [Float] {
        var result = [Float](repeating: 0, count: count)
        let row = count / shape[0]
        var position = -1
        for (index, gap) in gaps.enumerated() {
            position += Int(gap) + 1
            let value =
                halves.isEmpty
                ? Float(levels[Int(codes[index])]) : HalfPrecision.value(halves[index])
            result[position] = value * scales[scales.count == 1 ? 0 : position / row]
        }
        return result
    }

    /// All weights in order, zeros included, as integers: levels of codes.
    var integers: [Int8] {
        var result = [Int8](repeating: 0, count: count)
        var position = -1
        for (gap, code) in zip(gaps, codes) {
            position += Int(gap) + 1
            result[position] = levels[Int(code)]
        }
        return result
    }
}
