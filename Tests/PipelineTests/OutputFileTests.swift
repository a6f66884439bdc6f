import Container
import Foundation
import PackedModel
import Pipeline
import Testing

@Suite struct `A file that a command writes` {
    private let folder: TemporaryFolder

    /// With `m.shrink`, which reads images of 8×8.
    init() throws {
        folder = try TemporaryFolder()
        var model = layerModel(inputs: 64, outputs: 10, density: 0.5, bits: 4, seed: 1)
        model.input.shape = [1, 8, 8]
        model.classNames = (0..<10).map { "digit \($0)" }
        try Data(Container.write(model).bytes)
            .write(to: URL(fileURLWithPath: folder.path + "/m.shrink"))
    }

    @Test(arguments: ["decode", "export"], ["a", "1", "é", "./-"])
    func `may have a name of one character`(command: String, name: String) throws {
        let result = try run(shrinkCommand, [command, "m.shrink", "-o", name], in: folder.path)
        #expect(result.code == 0, "\(result.errors)")
        #expect(FileManager.default.fileExists(atPath: folder.path + "/" + name))
    }

    @Test func `may be a page of results with such a name`() throws {
        try sampleReport().write(to: folder.path + "/report.json")
        let result = try run(shrinkCommand, ["results", "report.json", "-o", "R"], in: folder.path)
        #expect(result.code == 0, "\(result.errors)")
        #expect(try !folder.bytes("R").isEmpty)
    }

    @Test(arguments: [
        ["decode", "m.shrink"], ["export", "m.shrink"], ["import", "m.onnx"], ["results"],
    ])
    func `is not standard output`(command: [String]) throws {
        let result = try run(shrinkCommand, command + ["-o", "-"], in: folder.path)
        #expect(result.code == 64)
        #expect(result.errors.contains("--output wants a file, not '-'"), "\(result.errors)")
    }

    @Test(arguments: ["decode", "export", "import"])
    func `is not the one that is read`(command: String) throws {
        let before = try folder.bytes("m.shrink")
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/link", withDestinationPath: folder.path + "/m.shrink")
        for output in ["m.shrink", "./m.shrink", "link"] {
            let result = try run(
                shrinkCommand, [command, "m.shrink", "-o", output], in: folder.path)
            #expect(result.code == 1)
            #expect(result.errors.contains("is the file that is read"), "\(result.errors)")
            #expect(try folder.bytes("m.shrink") == before)
        }
    }

    @Test func `may be inspected for pixels and classes`() throws {
        let text = try run(shrinkCommand, ["inspect", "m.shrink"], in: folder.path).output
        #expect(text.contains("\npixels: times 1/255, less [0.0], divided by [1.0]\n"))
        #expect(text.contains("\nclasses: digit 0, digit 1, "))
        let inspection = try Inspection(contentsOf: folder.path + "/m.shrink")
        #expect(inspection.pixelScale == Float(1) / 255)
        #expect(inspection.mean == [0] && inspection.deviation == [1])
        #expect(inspection.classNames.last == "digit 9")
    }

    @Test func `is run on images from a pipe`() throws {
        let images = packageFolder + "/Fixtures/digits/digits-images-idx3-ubyte.gz"
        func output(_ words: String) throws -> String {
            let result = try run("/bin/sh", ["-c", words], in: folder.path)
            #expect(result.code == 0, "\(result.errors)")
            return result.output
        }
        let expected = try output("'\(shrinkCommand)' run m.shrink --input '\(images)' --limit 7")
        #expect(expected.split(separator: "\n").count == 7)
        let piped = "'\(shrinkCommand)' run m.shrink --input /dev/stdin --limit 7"
        #expect(try output("cat '\(images)' | \(piped)") == expected)
        #expect(try output("gunzip -c '\(images)' | \(piped)") == expected)
    }
}
