import Foundation

/// The page of an experiment, as another page links to it.
struct ExperimentLink {
    /// As Markdown escapes it.
    let title: String
    let question: String
    let path: String

    /// The pages in a folder by name; none if there is no such folder.
    static func links(in folder: String) throws -> [ExperimentLink] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return try files.filter { $0.hasSuffix(".md") }.sorted().map { file in
            let path = "\(folder)/\(file)"
            let text = try String(contentsOfFile: path, encoding: .utf8)
            // The title, an empty line, and the question in one line.
            let lines = text.components(separatedBy: "\n")
            return ExperimentLink(
                title: String(lines[0].drop { $0 == "#" || $0 == " " }),
                question: lines.count > 2 ? lines[2] : "", path: path)
        }
    }

    static func section(_ links: [ExperimentLink]) -> String {
        "## Experiments\n\n"
            + links.map { "- [\($0.title)](\($0.path)): \($0.question)\n" }.joined()
    }
}
