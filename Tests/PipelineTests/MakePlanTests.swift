import Foundation
import Pipeline
import Testing

@Suite struct `Stages as make targets` {
    /// A stand-in for the command, which notes the stage and leaves its report.
    private static let standIn = """
        #!/bin/sh
        echo "$4" >> "$(dirname "$0")/ran"
        touch "$(dirname "$0")/build/quick/$4/report.json"
        """

    private func plan(_ folder: TemporaryFolder, _ yaml: String) throws {
        let file = try PipelineFile(path: folder.file("quick.yaml", yaml))
        _ = try MakePlan(file, build: folder.path + "/build", seed: nil).write()
    }

    /// The stages that make runs.
    private func make(_ folder: TemporaryFolder) throws -> [String] {
        try? FileManager.default.removeItem(atPath: folder.path + "/ran")
        let command = try folder.file("stand-in", Self.standIn)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: command)
        let result = try run(
            "/usr/bin/make", ["-f", folder.path + "/build/quick/stages.mk", "SHRINK=\(command)"])
        #expect(result.code == 0, "\(result.errors)")
        let ran = (try? String(contentsOfFile: folder.path + "/ran", encoding: .utf8)) ?? ""
        return ran.split(separator: "\n").map(String.init)
    }

    @Test func `run again only behind a change of settings`() throws {
        let folder = try TemporaryFolder()
        try plan(folder, quickPipeline)
        #expect(try make(folder) == ["train", "prune", "share", "quantize", "encode"])
        try plan(folder, quickPipeline)
        #expect(try make(folder) == [])

        let commented = "# a comment\n" + quickPipeline
        try plan(folder, commented)
        #expect(try make(folder) == [])

        let fewerBits = quickPipeline.replacingOccurrences(
            of: "bits: {conv1: 6, default: 4}", with: "bits: {conv1: 6, default: 3}")
        try plan(folder, fewerBits)
        #expect(try make(folder) == ["share", "quantize", "encode"])

        let seeded = fewerBits.replacingOccurrences(of: "seed: 7", with: "seed: 8")
        try plan(folder, seeded)
        #expect(try make(folder) == ["train", "prune", "share", "quantize", "encode"])

        let withoutShare = seeded.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.contains("share:") && !$0.contains("bits: {conv1: 6") }
            .filter { !$0.contains("train: {epochs: 2, learning-rate: 0.001}") }
            .joined(separator: "\n")
        try plan(folder, withoutShare)
        #expect(try make(folder) == ["quantize", "encode"])
    }

    @Test func `do not run again for a change that is taken back, nor for stages that ran by hand`()
        throws
    {
        let folder = try TemporaryFolder()
        try runPipeline(quickPipeline, in: folder)
        try plan(folder, quickPipeline)
        #expect(try make(folder) == [])
        let fewerBits = quickPipeline.replacingOccurrences(
            of: "bits: {conv1: 6, default: 4}", with: "bits: {conv1: 6, default: 3}")
        try plan(folder, fewerBits)
        try plan(folder, quickPipeline)
        #expect(try make(folder) == [])
        try plan(folder, fewerBits)
        #expect(try make(folder) == ["share", "quantize", "encode"])
    }

    @Test func `run again when the weights that they start from have changed`() throws {
        let folder = try TemporaryFolder()
        let weights = try folder.file("weights.safetensors", "1")
        let yaml = quickPipeline.replacingOccurrences(
            of: "architecture: digits-cnn", with: "architecture: digits-cnn, weights: \(weights)")
        try plan(folder, yaml)
        #expect(try make(folder).first == "train")
        #expect(try make(folder) == [])
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: 60)], ofItemAtPath: weights)
        #expect(try make(folder).first == "train")
        try FileManager.default.removeItem(atPath: weights)
        #expect(try make(folder) == [])
    }

    @Test func `run again when data given by a path have changed`() throws {
        let folder = try TemporaryFolder()
        let data = try folder.file("data.npz", "1")
        try plan(
            folder,
            quickPipeline.replacingOccurrences(of: "set: digits", with: "set: \(data)"))
        #expect(try make(folder).first == "train")
        #expect(try make(folder) == [])
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: 60)], ofItemAtPath: data)
        #expect(try make(folder).first == "train")
    }

    @Test func `run again when a picture is added to a folder of data`() throws {
        let folder = try TemporaryFolder()
        let data = folder.path + "/my pictures"
        let classFolder = data + "/train/golden retriever"
        try FileManager.default.createDirectory(
            atPath: classFolder, withIntermediateDirectories: true)
        _ = try folder.file("my pictures/train/golden retriever/1.png", "1")
        let yaml = quickPipeline.replacingOccurrences(of: "set: digits", with: "set: \(data)")
        func date(_ path: String, _ seconds: Double) throws {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: seconds)], ofItemAtPath: path)
        }
        for path in [classFolder + "/1.png", classFolder, data + "/train", data] {
            try date(path, -60)
        }
        try plan(folder, yaml)
        #expect(try make(folder).first == "train")
        try plan(folder, yaml)
        #expect(try make(folder) == [])
        try date(classFolder, 60)
        try plan(folder, yaml)
        #expect(try make(folder).first == "train", "a picture more, or less")
        try date(classFolder, -60)
        try plan(folder, yaml)
        #expect(try make(folder) == [])
        try date(classFolder + "/1.png", 60)
        try plan(folder, yaml)
        #expect(try make(folder).first == "train", "another picture")
    }

    @Test func `run again when weights beside an ONNX file have changed`() throws {
        let folder = try TemporaryFolder()
        let model = "resnet50-ts-13-bn-external.onnx"
        let weights = "resnet50-ts-13-bn-external.weights"
        for name in [model, weights] {
            try FileManager.default.copyItem(
                atPath: "\(packageFolder)/Fixtures/onnx/\(name)", toPath: "\(folder.path)/\(name)")
        }
        try plan(
            folder,
            quickPipeline.replacingOccurrences(
                of: "{architecture: digits-cnn, dropout: 0.1}",
                with: "{onnx: \(folder.path)/\(model)}"))
        #expect(try make(folder).first == "train")
        #expect(try make(folder) == [])
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: 60)],
            ofItemAtPath: "\(folder.path)/\(weights)")
        #expect(try make(folder).first == "train")
    }

    @Test(arguments: Array(" #$&;()|<>*?~`"))
    func `refuse a path that make would read as something else`(character: Character) throws {
        let folder = try TemporaryFolder()
        let path = try folder.file("a\(character)b.yaml", quickPipeline)
        let plan = MakePlan(
            try PipelineFile(path: path), build: folder.path + "/build", seed: nil)
        #expect(throws: PipelineError.unfitForMake(path: path, character: character)) {
            try plan.write()
        }
    }
}
