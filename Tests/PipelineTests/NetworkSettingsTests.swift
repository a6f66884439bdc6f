import Foundation
import Importing
import Networks
import Pipeline
import Tensors
import Testing
import Training

@Suite struct `A pipeline's network` {
    private func pipeline(_ network: String, epochs: Int) -> String {
        """
        method: a test
        seed: 7
        data: {set: digits}
        network: {architecture: digits-cnn, \(network)}
        stages:
          train: {epochs: \(epochs), batch-size: 32, learning-rate: 0.03}
        """
    }

    private func trained(_ folder: TemporaryFolder, build: String) throws -> Network {
        try Checkpoint(
            contentsOf: folder.path + "/\(build)/quick/train/checkpoint.safetensors",
            vocabulary: .pipeline
        ).network
    }

    @Test func `starts from the weights of a state_dict`() throws {
        let folder = try TemporaryFolder()
        try runPipeline(pipeline("width: 0.5", epochs: 1), in: folder, build: "first")
        let weights = folder.path + "/weights.safetensors"
        try StateDict.write(trained(folder, build: "first"), to: weights)
        try runPipeline(
            pipeline("width: 0.5, weights: \(weights)", epochs: 0), in: folder, build: "second")
        let copy = folder.path + "/copy.safetensors"
        try StateDict.write(trained(folder, build: "second"), to: copy)
        #expect(try Safetensors(contentsOf: copy) == Safetensors(contentsOf: weights))
    }

    @Test func `does not start from weights of another width`() throws {
        let folder = try TemporaryFolder()
        try runPipeline(pipeline("width: 0.5", epochs: 0), in: folder, build: "first")
        let weights = folder.path + "/weights.safetensors"
        try StateDict.write(trained(folder, build: "first"), to: weights)
        #expect {
            try runPipeline(pipeline("weights: \(weights)", epochs: 0), in: folder)
        } throws: { error in
            "\(error)".contains(
                "\(weights) does not have the tensors of digits-cnn:\n"
                    + "  'conv1.weight' has shape [8, 1, 3, 3], expected [16, 1, 3, 3]\n")
        }
    }
}
