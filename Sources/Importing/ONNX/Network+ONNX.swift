import Foundation
import Networks

extension Network {
    /// The network of an ONNX file, with its weights; `ONNXOperation` lists what it may consist of.
    ///
    /// Operations have to be those of opset 13 or later. The input is `[batch, channels, height,
    /// width]` or `[batch, features]` of floats, all sizes but the batch known. Weights stand in the
    /// file or in files beside it. The network is named as the file.
    public init(onnx path: String) throws(ONNXError) {
        do {
            let (graph, output) = try Self.draft(of: ONNXModel(path: path), path: path)
            var rewriter = DraftRewriter(graph, output: output)
            try self.init(
                name: URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent,
                inputShape: graph.inputShape, nodes: rewriter.rewritten())
            try requireFinite()
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
    ) throws -> (graph: DraftGraph, output: Int) {
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
        return (walker.graph, output)
    }
}
