import Foundation
import Yams

/// A grid of pipelines: one pipeline with the changes of each row and of each column, with each
/// seed.
///
/// An experiment file names a base pipeline, and for every row and column the settings that it
/// changes by their paths, as in `stages.quantize.weights.bits: 3`.
public struct Experiment: Sendable {
    /// What the plot shows.
    public enum Plot: String, CaseIterable, Sendable {
        /// Test error by column, a line for each row.
        case columns
        /// Test error by size of the file, a line for each column through its rows.
        case size
    }

    /// One pipeline of the grid.
    public struct Cell: Sendable, Equatable {
        public let row: Int
        public let column: Int
        public let seed: UInt64
        /// For files and folders.
        public let name: String
        /// The pipeline's file.
        public let yaml: String
    }

    public let path: String
    /// The file's name without its ending.
    public let name: String
    public let title: String
    /// What is to be found out.
    public let question: String
    /// What was found out, if anything has been yet.
    public let answer: String?
    public let seeds: [UInt64]
    public let rows: [String]
    public let columns: [String]
    public let plot: Plot
    /// In the order in which they run: seed by seed, so that an early stop leaves whole tables.
    public let cells: [Cell]

    public init(path: String) throws {
        try self.init(yaml: Setting.text(ofFile: path), path: path)
    }

    init(yaml: String, path: String) throws {
        self.path = path
        name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
        let root = try Setting(yaml: yaml, file: path)
        let keys = try root.mapping(
            known: ["title", "question", "answer", "seeds", "plot", "pipeline", "rows", "columns"])
        func required(_ key: String) throws -> Setting {
            guard let setting = keys[key] else {
                throw PipelineFileError.missingKey(place: root.place, path: "", key: key)
            }
            return setting
        }
        title = try required("title").string()
        question = try required("question").string()
        answer = try keys["answer"]?.string()
        seeds = try required("seeds").list().map { UInt64(try $0.integer(in: 0...Int.max)) }
        if Set(seeds).count != seeds.count {
            throw try required("seeds").wrong("seeds that differ from one another")
        }
        plot = try keys["plot"]?.choice(of: Plot.self) ?? .columns
        let rows = try Variant.list(required("rows"))
        let columns = try Variant.list(required("columns"))
        guard !seeds.isEmpty, !rows.isEmpty, !columns.isEmpty else {
            throw root.wrong("at least one seed, one row and one column")
        }
        self.rows = rows.map(\.name)
        self.columns = columns.map(\.name)
        let base = try required("pipeline").node.setting(["method"], to: Yams.Node(title))
        cells = try Self.cells(base, rows, columns, seeds, path)
        if Set(cells.map(\.name)).count != cells.count {
            throw root.wrong("rows and columns whose names differ in letters or digits")
        }
    }

    private static func cells(
        _ base: Yams.Node, _ rows: [Variant], _ columns: [Variant], _ seeds: [UInt64],
        _ path: String
    ) throws -> [Cell] {
        var cells: [Cell] = []
        for seed in seeds {
            for (column, columnVariant) in columns.enumerated() {
                for (row, rowVariant) in rows.enumerated() {
                    var node = base.setting(["seed"], to: Yams.Node(String(seed)))
                    for (path, value) in columnVariant.changes + rowVariant.changes {
                        node = node.setting(path[...], to: value)
                    }
                    // So that what is wrong with a cell is said of this file, before any cell runs.
                    _ = try PipelineFile(Setting(node: node, file: path), path: path)
                    let words = [columnVariant.name, rowVariant.name].map(fileName)
                    cells.append(
                        Cell(
                            row: row, column: column, seed: seed,
                            name: (words + ["seed\(seed)"]).joined(separator: "-"),
                            yaml: try Yams.serialize(node: node)))
                }
            }
        }
        return cells
    }

    /// Letters and digits, with single hyphens for everything else.
    private static func fileName(_ text: String) -> String {
        text.lowercased().split { !($0.isASCII && ($0.isLetter || $0.isNumber)) }
            .joined(separator: "-")
    }
}

/// A row or a column: settings by path.
private struct Variant {
    let name: String
    let changes: [(path: [String], value: Yams.Node)]

    static func list(_ setting: Setting) throws(PipelineFileError) -> [Variant] {
        var variants: [Variant] = []
        for (name, changes) in try setting.anyMapping() {
            let entries = try changes.anyMapping().map { key, value in
                (path: key.split(separator: ".").map(String.init), value: value.node)
            }
            variants.append(Variant(name: name, changes: entries))
        }
        return variants
    }
}

extension Yams.Node {
    /// The same with another value at a path; mappings on the way are made where there are none.
    /// Keys stand where the value stands.
    func setting(_ path: ArraySlice<String>, to value: Yams.Node) -> Yams.Node {
        guard let key = path.first else { return value }
        var pairs = mapping.map { Array($0) } ?? []
        let place = pairs.firstIndex { $0.key.string == key }
        let inner = place.map { pairs[$0].value } ?? Yams.Node([(Yams.Node, Yams.Node)]())
        let changed = inner.setting(path.dropFirst(), to: value)
        let keyNode = Yams.Node.scalar(.init(key, .implicit, .any, value.mark))
        if let place {
            pairs[place] = (key: keyNode, value: changed)
        } else {
            pairs.append((key: keyNode, value: changed))
        }
        return .mapping(.init(pairs.map { ($0.key, $0.value) }, .implicit, .any, mark))
    }
}
