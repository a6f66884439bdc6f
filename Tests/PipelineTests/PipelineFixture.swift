import Foundation
import Importing
import Pipeline
import Testing

/// The package's folder.
let packageFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path

/// A folder for one test, removed when the test is over.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "shrink-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file and returns its path.
    func file(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: path + "/" + name, atomically: true, encoding: .utf8)
        return path + "/" + name
    }

    func bytes(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))
    }

    /// Makes the folder a data set of 8×8 grey images, the same for training and test, as NumPy arrays.
    func writeImages(_ pixels: [UInt8], labels: [UInt8]) throws {
        func write(_ bytes: [UInt8], _ shape: String, to name: String) throws {
            let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (\(shape)), }"
            let padded = header.padding(toLength: 117, withPad: " ", startingAt: 0) + "\n"
            let start = [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0]
            try Data(start + Array(padded.utf8) + bytes)
                .write(to: URL(fileURLWithPath: "\(path)/\(name).npy"))
        }
        for part in ["train", "test"] {
            try write(pixels, "\(labels.count), 8, 8", to: "x_\(part)")
            try write(labels, "\(labels.count),", to: "y_\(part)")
        }
    }
}

/// A pipeline with all stages on the digits that takes about a second.
let quickPipeline = """
    method: a test
    seed: 7
    data: {set: digits, validation: 100}
    network: {architecture: digits-cnn, dropout: 0.1}
    stages:
      train: {epochs: 4, batch-size: 32, learning-rate: 0.03, shift: 1}
      prune:
        density: {conv1: 0.5, default: 0.1}
        schedule: cubic
        interval: 10
        train: {epochs: 4, batch-size: 32, learning-rate: 0.02, distillation: 1}
      share:
        bits: {conv1: 6, default: 4}
        train: {epochs: 2, learning-rate: 0.001}
      quantize:
        weights: {bits: {conv1: 8, default: 5}}
        activations: {bits: 6}
        train: {epochs: 2, learning-rate: 0.001}
      encode: {coding: smallest}
    """

/// Runs all stages of a pipeline text below a folder; data sets are those of the package.
@discardableResult
func runPipeline(
    _ yaml: String, in folder: TemporaryFolder, build: String = "build",
    source: DataSetSource? = nil, threads: Int = 1
) throws -> PipelineReport {
    let file = try PipelineFile(path: folder.file("quick.yaml", yaml))
    let results = PipelineFolder(build: folder.path + "/" + build, pipeline: "quick")
    let runner = try PipelineRunner(
        file, folder: results, source: source ?? namedSource(yaml), threads: threads,
        display: ProgressDisplay(isSilent: true))
    for stage in file.stages { try runner.run(stage: stage.name) }
    return try PipelineReport(contentsOf: results.report)
}

private func namedSource(_ yaml: String) throws -> DataSetSource {
    try DataSetSource(
        named: yaml.contains("set: digits") ? "digits" : "mnist", root: dataRoot,
        fixtures: packageFolder + "/Fixtures")
}

/// Where MNIST is, if it is anywhere: `SHRINK_DATA`, else `Data` in the package.
let dataRoot = ProcessInfo.processInfo.environment["SHRINK_DATA"] ?? packageFolder + "/Data"
let hasMNIST = (try? DataSetSource(named: "mnist", root: dataRoot).load(.test)) != nil

/// Runs a program and returns what it printed and its exit code.
func run(
    _ program: String, _ arguments: [String], in folder: String = packageFolder
) throws -> (output: String, errors: String, code: Int32) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    let outputFile = NSTemporaryDirectory() + UUID().uuidString
    let errorFile = NSTemporaryDirectory() + UUID().uuidString
    for path in [outputFile, errorFile] {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
    }
    defer {
        for path in [outputFile, errorFile] { try? FileManager.default.removeItem(atPath: path) }
    }
    process.standardOutput = FileHandle(forWritingAtPath: outputFile)
    process.standardError = FileHandle(forWritingAtPath: errorFile)
    try process.run()
    process.waitUntilExit()
    return (
        try String(contentsOfFile: outputFile, encoding: .utf8),
        try String(contentsOfFile: errorFile, encoding: .utf8), process.terminationStatus
    )
}

/// The command that was built beside the tests.
let shrinkCommand = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appendingPathComponent("shrink").path

/// The keys of a JSON object and of all objects in it.
func jsonKeys(of value: Any) -> Set<String> {
    if let values = value as? [Any] {
        return values.reduce(into: []) { $0.formUnion(jsonKeys(of: $1)) }
    }
    guard let object = value as? [String: Any] else { return [] }
    return object.reduce(into: Set(object.keys)) { $0.formUnion(jsonKeys(of: $1.value)) }
}

/// What a section of the page on JSON has between backticks, at each point cut into words.
func documentedKeys(_ section: String) throws -> Set<String> {
    let page = try String(
        contentsOfFile: packageFolder + "/Sources/Pipeline/Pipeline.docc/JSON.md", encoding: .utf8)
    let sections = page.components(separatedBy: "\n## ")
    let text = try #require(sections.first { $0.hasPrefix(section + "\n") })
    return Set(
        text.matches(of: /`([A-Za-z0-9.]+)`/).flatMap {
            $0.1.split(separator: ".").map(String.init)
        })
}
