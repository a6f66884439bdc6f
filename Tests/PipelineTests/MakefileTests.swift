import Foundation
import Pipeline
import Testing

/// What the package's `Makefile` does on other people's machines, with programs that stand in for
/// theirs.
@Suite struct `The Makefile` {
    /// Runs a target of the package with nothing in the environment but a `PATH`.
    private func make(
        _ target: String, path: String
    ) throws -> (output: String, errors: String, code: Int32) {
        try run(
            "/usr/bin/env",
            ["-i", "PATH=\(path)", "/usr/bin/make", "-f", packageFolder + "/Makefile", target])
    }

    @Test func `lists its targets and the pipelines`() throws {
        let result = try make("help", path: "/usr/bin:/bin")
        #expect(result.code == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n").map(String.init)

        let makefile = try String(contentsOfFile: packageFolder + "/Makefile", encoding: .utf8)
        let rules = makefile.split(separator: "\n").filter {
            $0.first?.isLetter == true && $0.contains(" ## ")
        }
        #expect(rules.count > 8)
        for rule in rules {
            let target = rule.prefix { $0 != ":" }
            let text = try #require(rule.components(separatedBy: " ## ").last)
            #expect(
                lines.contains { $0.hasPrefix("  make \(target) ") && $0.hasSuffix(" \(text)") },
                "\(target)")
        }

        let pipelines = try #require(lines.last { $0.contains("Pipelines:") })
        let names = pipelines.components(separatedBy: "Pipelines:")[1].split(separator: " ")
        let files = try FileManager.default.contentsOfDirectory(
            atPath: packageFolder + "/Pipelines"
        ).filter { $0.hasSuffix(".yaml") }
        #expect(names.map { "\($0).yaml" }.sorted() == files.sorted())
    }

    // MARK: make deps

    /// A folder of programs that is the whole `PATH`: a shell, and scripts that stand in.
    private struct Programs {
        let folder: TemporaryFolder
        var path: String { folder.path }

        init(_ scripts: [String: String]) throws {
            folder = try TemporaryFolder()
            let shell = ["/bin/bash", "/usr/bin/bash"].first {
                FileManager.default.isExecutableFile(atPath: $0)
            }
            try FileManager.default.createSymbolicLink(
                atPath: path + "/bash", withDestinationPath: #require(shell))
            for (name, script) in scripts {
                let file = try folder.file(name, "#!/bin/sh\n\(script)\n")
                try FileManager.default.setAttributes(
                    [.posixPermissions: 0o755], ofItemAtPath: file)
            }
        }

        /// Leaves a file in this folder when it is called.
        static func noted(_ name: String, code: Int = 0) -> String {
            "echo \"$@\" >> \"${0%/*}/\(name)-ran\"; exit \(code)"
        }

        func ran(_ name: String) -> Bool {
            FileManager.default.fileExists(atPath: path + "/\(name)-ran")
        }
    }

    private let packages = [
        "libzstd-dev", "zlib1g-dev", "libpng-dev", "libjpeg-dev", "pkg-config",
    ]

    @Test func `says that swift is missing`() throws {
        let programs = try Programs(["pkg-config": "exit 0"])
        let result = try make("deps", path: programs.path)
        #expect(result.code != 0)
        #expect(result.errors.contains("swift"))
    }

    @Test func `names the packages where there is no apt-get`() throws {
        let programs = try Programs(["swift": "exit 0", "pkg-config": "exit 1", "id": "echo 1000"])
        let result = try make("deps", path: programs.path)
        #expect(result.code != 0)
        for package in packages { #expect(result.errors.contains(package), "\(result.errors)") }
    }

    @Test func `names the packages where there is no pkg-config either`() throws {
        let programs = try Programs(["swift": "exit 0"])
        let result = try make("deps", path: programs.path)
        #expect(result.code != 0)
        for package in packages { #expect(result.errors.contains(package), "\(result.errors)") }
    }

    @Test(arguments: [true, false])
    func `names the packages to those who may not install them`(hasSudo: Bool) throws {
        var scripts = [
            "swift": "exit 0", "pkg-config": "exit 1", "id": "echo 1000",
            "apt-get": Programs.noted("apt-get"),
        ]
        if hasSudo { scripts["sudo"] = "exit 1" }
        let programs = try Programs(scripts)
        let result = try make("deps", path: programs.path)
        #expect(result.code != 0)
        for package in packages { #expect(result.errors.contains(package), "\(result.errors)") }
        #expect(!programs.ran("apt-get"))
    }

    @Test func `fails where installing fails`() throws {
        let programs = try Programs([
            "swift": "exit 0", "pkg-config": "exit 1", "id": "echo 0",
            "apt-get": Programs.noted("apt-get", code: 100),
        ])
        let result = try make("deps", path: programs.path)
        #expect(result.code != 0)
        #expect(programs.ran("apt-get"))
    }

    @Test(arguments: [true, false])
    func `installs the packages with the rights to do so`(isRoot: Bool) throws {
        let programs = try Programs([
            "swift": "exit 0", "pkg-config": "exit 1", "id": "echo \(isRoot ? 0 : 1000)",
            "apt-get": Programs.noted("apt-get"),
            // Called as `sudo -n true` and `sudo apt-get ...`.
            "sudo": "echo \"$@\" >> \"${0%/*}/sudo-ran\"; [ \"$1\" = -n ] || \"$@\"",
        ])
        let result = try make("deps", path: programs.path)
        #expect(result.code == 0, "\(result.errors)")
        let calls = try String(decoding: programs.folder.bytes("apt-get-ran"), as: UTF8.self)
        let install = try #require(calls.split(separator: "\n").last { $0.contains("install") })
        for package in packages { #expect(install.contains(package)) }
        #expect(programs.ran("sudo") == !isRoot)
    }

    @Test func `installs nothing where everything is there`() throws {
        let programs = try Programs([
            "swift": "exit 0", "pkg-config": "exit 0", "id": "echo 0",
            "apt-get": Programs.noted("apt-get"), "sudo": Programs.noted("sudo"),
        ])
        let result = try make("deps", path: programs.path)
        #expect(result.code == 0, "\(result.errors)")
        #expect(!programs.ran("apt-get") && !programs.ran("sudo"))
        #expect(result.output.isEmpty && result.errors.isEmpty)
    }

    // MARK: Stages

    /// Notes the stage and its options; leaves a report, except of the stage in the file `failing`.
    private static let standIn = """
        #!/bin/sh
        folder=$(dirname "$0")
        echo "$@" >> "$folder/ran"
        [ "$4" = "$(cat "$folder/failing")" ] && exit 1
        touch "$folder/build/quick-seed2/$4/report.json"
        """

    /// What make says, and the arguments of each stage that it has run.
    private func makeStages(
        _ folder: TemporaryFolder, failing: String
    ) throws -> (code: Int32, ran: [[String]]) {
        try? FileManager.default.removeItem(atPath: folder.path + "/ran")
        _ = try folder.file("failing", failing)
        let command = try folder.file("stand-in", Self.standIn)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: command)
        let result = try run(
            "/usr/bin/env",
            [
                "-i", "PATH=/usr/bin:/bin", "/usr/bin/make", "-f",
                folder.path + "/build/quick-seed2/stages.mk", "SHRINK=\(command)",
            ])
        let ran = (try? folder.bytes("ran")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return (
            result.code,
            ran.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        )
    }

    private func planWithSeed() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let file = try PipelineFile(path: folder.file("quick.yaml", quickPipeline), seed: 2)
        _ = try MakePlan(file, build: folder.path + "/build", seed: 2).write()
        return folder
    }

    @Test func `gives a seed a folder of its own and passes it to every stage`() throws {
        let folder = try planWithSeed()
        let builds = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/build")
        #expect(builds == ["quick-seed2"])
        let (code, ran) = try makeStages(folder, failing: "none")
        #expect(code == 0)
        #expect(ran.map { $0[0] } == ["train", "prune", "share", "quantize", "encode"])
        for arguments in ran {
            let index = try #require(arguments.firstIndex(of: "--seed"), "\(arguments)")
            #expect(arguments[index + 1] == "2")
        }
        let rules = String(decoding: try folder.bytes("build/quick-seed2/stages.mk"), as: UTF8.self)
            .split(separator: "\n").filter { $0.hasPrefix("\t") }
        #expect(rules.count == 5)
        for rule in rules { #expect((rule + " ").contains(" --seed 2 "), "\(rule)") }
    }

    @Test func `stops at a stage that fails and goes on there the next time`() throws {
        let folder = try planWithSeed()
        let failed = try makeStages(folder, failing: "prune")
        #expect(failed.code != 0)
        #expect(failed.ran.map { $0[0] } == ["train", "prune"])
        let mended = try makeStages(folder, failing: "none")
        #expect(mended.code == 0)
        #expect(mended.ran.map { $0[0] } == ["prune", "share", "quantize", "encode"])
    }
}
