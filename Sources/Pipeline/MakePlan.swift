import Foundation
import Tensors

/// Writes a pipeline's stages as make targets, so that a stage runs again only if its settings or
/// those of a stage before it have changed.
///
/// `settings.txt` of a stage holds everything that its result depends on and is written only when
/// that is different from what it says; `stages.mk` names it and the stage before as prerequisites,
/// and for the first stage the file of weights that the network starts from, and data given by a path.
public struct MakePlan {
    let file: PipelineFile
    let folder: PipelineFolder
    let build: String
    /// From the command line, in the place of the file's.
    let seed: UInt64?

    public init(_ file: PipelineFile, build: String, seed: UInt64?) {
        self.file = file
        self.build = build
        self.seed = seed
        folder = PipelineFolder(build: build, pipeline: file.name, seed: seed)
    }

    /// - Returns: the path of `stages.mk`.
    /// - Throws: `PipelineError.unfitForMake` for paths that make would read as something else.
    public func write() throws -> String {
        for path in [file.path, build] + inputs {
            if let character = path.first(where: { " \t#$:%=\"'\\".contains($0) }) {
                throw PipelineError.unfitForMake(path: path, character: character)
            }
        }
        for (index, stage) in file.stages.enumerated() {
            try folder.create(stage.name)
            try writeIfChanged(file.key(ofStage: index) + "\n", to: folder.settings(stage.name))
        }
        try writeIfChanged(makefile, to: folder.makefile)
        return folder.makefile
    }

    /// The rules, last stage first, since make builds the first target.
    var makefile: String {
        let options = "--build \(build)" + (seed.map { " --seed \($0)" } ?? "")
        var rules = "# Made by `shrink plan \(file.path)`; changed settings are in settings.txt.\n"
        rules += "SHRINK ?= shrink\nTHREADS ?=\n\nall: \(folder.report(file.stages.last!.name))\n"
        for (index, stage) in file.stages.enumerated() {
            // A file that is not there is no prerequisite, so that the stage can say so.
            let previous =
                index > 0
                ? " \(folder.report(file.stages[index - 1].name))"
                : inputs.map { " $(wildcard \($0))" }.joined()
            rules += """

                \(folder.report(stage.name)): \(folder.settings(stage.name))\(previous)
                \t$(SHRINK) \(stage.kind.rawValue) \(file.path) --stage \(stage.name) \(options) $(THREADS:%=--threads %)

                """
        }
        return rules
    }

    /// Files that the first stage reads: weights, and data in the place of a known set's name.
    private var inputs: [String] {
        var isFolder: ObjCBool = false
        let data = file.data.set
        let isPath = FileManager.default.fileExists(atPath: data, isDirectory: &isFolder)
        return [file.network.weights, file.network.onnx].compactMap { $0 }
            + (isPath ? [isFolder.boolValue ? "\(data)/*" : data] : [])
    }

    private func writeIfChanged(_ text: String, to path: String) throws {
        if let found = FileManager.default.contents(atPath: path), found == Data(text.utf8) {
            return
        }
        try AtomicFile.write(Array(text.utf8), to: path)
    }
}
