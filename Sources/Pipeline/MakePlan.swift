import Foundation
import Tensors

/// Writes a pipeline's stages as make targets, so that a stage runs again only if its settings or
/// those of a stage before it have changed.
///
/// `settings.txt` of a stage holds everything that its result depends on and is written only when
/// that is different from what it says (a change that is taken back dates it before the report that was
/// made with it); `stages.mk` names it and the stage before as prerequisites,
/// and for the first stage the files that the network starts from, data given by a path, and the names
/// of their classes. In place
/// of a folder of data stands `data.txt`, dated as the latest change of anything in that folder.
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
            if let character = path.first(where: Self.unfitCharacters.contains) {
                throw PipelineError.unfitForMake(path: path, character: character)
            }
        }
        for (index, stage) in file.stages.enumerated() {
            try folder.create(stage.name)
            if try writeIfChanged(file.key(ofStage: index) + "\n", to: folder.settings(stage.name))
            {
                try dateBack(index)
            }
        }
        if let dataFolder { try writeDate(of: dataFolder) }
        try writeIfChanged(makefile, to: folder.makefile)
        return folder.makefile
    }

    /// Those that make or a shell reads as something else than themselves.
    private static let unfitCharacters: Set<Character> = Set(" \t\n\r#$:%=\"'\\&;()|<>*?~`[]{}!")

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
                    + (dataFolder == nil ? "" : " \(folder.data(stage.name))")
            rules += """

                \(folder.report(stage.name)): \(folder.settings(stage.name))\(previous)
                \t$(SHRINK) \(stage.kind.rawValue) \(file.path) --stage \(stage.name) \(options) $(THREADS:%=--threads %)

                """
        }
        return rules
    }

    /// Files that the first stage reads: weights, one of data in the place of a known set's name, and one
    /// of classes.
    private var inputs: [String] {
        let data = file.data.set
        let isFile = FileManager.default.fileExists(atPath: data) && dataFolder == nil
        let classes = [file.data.classes].compactMap { $0 }.filter { Int($0) == nil }
        return file.network.files + (isFile ? [data] : []) + classes
    }

    /// A folder of data in the place of a known set's name.
    private var dataFolder: String? {
        var isFolder: ObjCBool = false
        let data = file.data.set
        let isThere = FileManager.default.fileExists(atPath: data, isDirectory: &isFolder)
        return isThere && isFolder.boolValue ? data : nil
    }

    /// Names in the folder may have characters that make can not work with.
    private func writeDate(of dataFolder: String) throws {
        let path = folder.data(file.stages[0].name)
        try writeIfChanged(dataFolder + "\n", to: path)
        guard let date = latestChange(in: dataFolder, depth: 3) else { return }
        try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
    }

    /// When a file or folder, or what it holds, changed last.
    /// - Parameter depth: how many levels are looked at; pictures are in `train/CLASS`.
    private func latestChange(in path: String, depth: Int) -> Date? {
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let attributes = try? FileManager.default.attributesOfItem(atPath: target)
        let own = attributes?[.modificationDate] as? Date
        guard depth > 0, attributes?[.type] as? FileAttributeType == .typeDirectory,
            let names = try? FileManager.default.contentsOfDirectory(atPath: target)
        else { return own }
        let inside = names.compactMap { latestChange(in: "\(target)/\($0)", depth: depth - 1) }
        return (inside + [own].compactMap { $0 }).max()
    }

    /// Where the report of a stage has been made with the settings that the file has again, they are older
    /// than it is.
    private func dateBack(_ index: Int) throws {
        let name = file.stages[index].name
        let manager = FileManager.default
        guard let report = try? StageReport(contentsOf: folder.report(name)),
            report.settings == file.settingsDigest(ofStage: index),
            let date = try manager.attributesOfItem(atPath: folder.report(name))[.modificationDate]
                as? Date
        else { return }
        try manager.setAttributes(
            [.modificationDate: date.addingTimeInterval(-1)], ofItemAtPath: folder.settings(name))
    }

    /// - Returns: whether it was another text.
    @discardableResult
    private func writeIfChanged(_ text: String, to path: String) throws -> Bool {
        if let found = FileManager.default.contents(atPath: path), found == Data(text.utf8) {
            return false
        }
        try AtomicFile.write(Array(text.utf8), to: path)
        return true
    }
}
