import Foundation
import Networks

/// What an ONNX file holds: a network, and what becomes of pixels before it reads them.
public struct ONNXFile: Sendable {
    public let network: Network
    /// As `ONNXExport` writes it into the metadata; `nil` where the file does not say.
    public let normalization: PixelNormalization?
    /// Operations at the end of the file that the network goes without, and which would not change the
    /// order of its outputs: LogSoftmax, ArgMax.
    public let leftOut: [String]

    /// Operations have to be those of opset 13 or later. The input is `[batch, channels, height,
    /// width]` or `[batch, features]` of floats, all sizes but the batch known. Weights stand in the
    /// file or in files beside it. The network is named as the file; `ONNXOperation` lists what it may
    /// consist of.
    public init(path: String) throws(ONNXError) {
        do {
            let model = try ONNXModel(path: path)
            let (graph, output, leftOut) = try Self.draft(of: model, path: path)
            self.leftOut = leftOut.map(\.rawValue)
            var rewriter = DraftRewriter(graph, output: output)
            network = try Network(
                name: URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent,
                inputShape: graph.inputShape, nodes: rewriter.rewritten())
            try network.requireFinite()
            normalization = try PixelNormalization(
                metadata: model.metadata, inputShape: graph.inputShape)
        } catch let problem as ONNXProblem {
            throw ONNXError(file: path, problem: problem)
        } catch let problem as NetworkError {
            throw ONNXError(file: path, problem: .network(problem))
        } catch let located as ONNXError.Located {
            throw ONNXError(
                file: path, node: located.origin.node, operation: located.origin.operation,
                problem: located.problem)
        } catch let error as ONNXError {
            throw error
        } catch {
            preconditionFailure("nothing else is thrown: \(error)")
        }
    }

    private static func draft(
        of model: ONNXModel, path: String
    ) throws -> (graph: DraftGraph, output: Int, leftOut: [ONNXOperation]) {
        var walker = try GraphWalker(model)
        for node in model.nodes {
            do {
                try walker.visit(node)
            } catch {
                throw ONNXError(
                    file: path, node: node.name, operation: node.operation, problem: error)
            }
        }
        let output = try walker.output(named: model.output)
        return (walker.graph, output, walker.leftOut)
    }
}

extension Network {
    /// The network of an ONNX file, with its weights.
    public init(onnx path: String) throws(ONNXError) { self = try ONNXFile(path: path).network }
}

extension PixelNormalization {
    /// `pixelScale`, and `mean` and `deviation` with one number a channel and spaces between them;
    /// `nil` where one of the three is not there, or where the input is no image.
    /// - Parameter inputShape: `[height, width, channels]`
    fileprivate init?(
        metadata: [String: String], inputShape: [Int]
    ) throws(ONNXProblem) {
        guard let scale = metadata["pixelScale"], let mean = metadata["mean"],
            let deviation = metadata["deviation"], inputShape.count == 3
        else { return nil }
        let means = try Self.numbers(mean, named: "mean", count: inputShape[2])
        let deviations = try Self.numbers(deviation, named: "deviation", count: inputShape[2])
        guard deviations.allSatisfy({ $0 > 0 }) else {
            throw .unfit(
                what: "the metadata entry 'deviation'", found: deviation,
                expected: "numbers above 0")
        }
        self.init(
            pixelScale: try Self.numbers(scale, named: "pixelScale", count: 1)[0], mean: means,
            deviation: deviations)
    }

    private static func numbers(
        _ text: String, named key: String, count: Int
    ) throws(ONNXProblem) -> [Float] {
        let words = text.split(separator: " ")
        let numbers = words.compactMap { Float($0) }.filter(\.isFinite)
        guard numbers.count == words.count, numbers.count == count else {
            throw .unfit(
                what: "the metadata entry '\(key)'", found: "'\(text.prefix(80))'",
                expected: count == 1 ? "a number" : "\(count) numbers, one a channel")
        }
        return numbers
    }
}
