import Foundation
import Tensors
import Yams

/// A value of a pipeline file that knows where it stands, so that every complaint can say so.
struct Setting {
    let node: Yams.Node
    let file: String
    /// The keys that lead here, such as `stages.prune.density`.
    let path: String
    /// Of its key, or of itself where it has none.
    private let line: Int

    /// The text of a YAML file.
    static func text(ofFile path: String) throws(PipelineFileError) -> String {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw .unreadable(
                file: path, reason: "can not be read: \(FileError(reading: path).reason)")
        }
        guard let text = String(data: bytes, encoding: .utf8) else {
            throw .unreadable(file: path, reason: "is no text in UTF-8, expected YAML")
        }
        return text
    }

    /// The root of a YAML text.
    init(yaml: String, file: String) throws {
        do {
            guard let node = try Yams.compose(yaml: yaml) else {
                throw PipelineFileError.empty(file: file)
            }
            self.init(node: node, file: file, path: "")
        } catch let error as YamlError {
            if let line = Self.lineWithTab(yaml) {
                throw PipelineFileError.tab(place: "\(file):\(line)")
            }
            throw PipelineFileError.syntax(file: file, reason: "\(error)")
        }
    }

    /// The first line that has a tab in front of its text, where YAML wants spaces.
    private static func lineWithTab(_ yaml: String) -> Int? {
        let lines = yaml.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        return lines.firstIndex { line in
            let indentation = line.prefix { $0 == " " || $0 == "\t" }
            return indentation.contains("\t") && indentation.count < line.count
        }.map { $0 + 1 }
    }

    /// The root of a tree whose nodes know where they stand in a file.
    init(node: Yams.Node, file: String) {
        self.init(node: node, file: file, path: "")
    }

    private init(node: Yams.Node, file: String, path: String, line: Int? = nil) {
        self.node = node
        self.file = file
        self.path = path
        self.line = line ?? node.mark?.line ?? 1
    }

    /// `file:line`
    var place: String { "\(file):\(line)" }

    func wrong(_ expected: String) -> PipelineFileError {
        .wrongValue(place: place, path: path, found: text, expected: expected)
    }

    private var text: String {
        if let scalar = node.scalar { return "'\(scalar.string)'" }
        return node.mapping != nil ? "a mapping" : "a list"
    }

    // MARK: Mappings and lists

    /// The settings of a mapping by key; a key that is not known is an error.
    func mapping(known: [String]) throws(PipelineFileError) -> [String: Setting] {
        let entries = try anyMapping()
        for (key, value) in entries where !known.contains(key) {
            throw .unknownKey(place: value.place, path: path, key: key, known: known)
        }
        return Dictionary(uniqueKeysWithValues: entries)
    }

    /// The entries of a mapping in order; none where there is no value.
    func anyMapping() throws(PipelineFileError) -> [(key: String, value: Setting)] {
        if node.scalar?.string.isEmpty == true { return [] }
        guard let mapping = node.mapping else { throw wrong("a mapping of keys to values") }
        var seen: Set<String> = []
        var entries: [(key: String, value: Setting)] = []
        for (key, value) in mapping {
            let name = key.scalar?.string ?? "?"
            let setting = Setting(
                node: value, file: file, path: path.isEmpty ? name : "\(path).\(name)",
                line: key.mark?.line)
            guard seen.insert(name).inserted else {
                throw .duplicateKey(place: setting.place, path: path, key: name)
            }
            entries.append((name, setting))
        }
        return entries
    }

    /// Throws unless exactly one of some keys is there.
    func requireOne(
        of choices: [String], in keys: [String: Setting]
    ) throws(PipelineFileError) {
        let found = choices.filter { keys[$0] != nil }
        guard found.count == 1 else {
            throw .wrongChoice(place: place, path: path, found: found, choices: choices)
        }
    }

    func list() throws(PipelineFileError) -> [Setting] {
        guard let sequence = node.sequence else { throw wrong("a list") }
        return sequence.enumerated().map {
            Setting(node: $1, file: file, path: "\(path)[\($0)]")
        }
    }

    func strings() throws(PipelineFileError) -> [String] {
        var result: [String] = []
        for setting in try list() { result.append(try setting.string()) }
        return result
    }

    // MARK: Scalars

    func string() throws(PipelineFileError) -> String {
        guard let scalar = node.scalar else { throw wrong("a word") }
        return scalar.string
    }

    func integer(in range: ClosedRange<Int>) throws(PipelineFileError) -> Int {
        guard let text = node.scalar?.string, let value = Int(text), range.contains(value) else {
            throw wrong("a whole number in \(range)")
        }
        return value
    }

    func number(in range: ClosedRange<Float>) throws(PipelineFileError) -> Float {
        guard let text = node.scalar?.string, let value = Float(text), range.contains(value) else {
            throw wrong("a number in \(range)")
        }
        return value
    }

    func boolean() throws(PipelineFileError) -> Bool {
        switch node.scalar?.string {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: throw wrong("true or false")
        }
    }

    /// One of an enumeration's words.
    func choice<Choice: RawRepresentable & CaseIterable>(
        of type: Choice.Type
    ) throws(PipelineFileError) -> Choice where Choice.RawValue == String {
        guard let text = node.scalar?.string, let choice = Choice(rawValue: text) else {
            throw wrong("one of \(type.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    /// One value for all layers, or a mapping of layer names to values where `default` stands for the
    /// others.
    func perLayer<Value>(
        _ read: (Setting) throws(PipelineFileError) -> Value
    ) throws(PipelineFileError) -> PerLayer<Value> {
        guard node.mapping != nil else { return PerLayer(fallback: try read(self), values: [:]) }
        var result = PerLayer<Value>(fallback: nil, values: [:])
        for (name, setting) in try anyMapping() {
            if name == "default" {
                result.fallback = try read(setting)
            } else {
                result.values[name] = try read(setting)
            }
        }
        return result
    }
}

/// A setting that may differ from layer to layer.
struct PerLayer<Value> {
    /// For layers that are not named.
    var fallback: Value?
    var values: [String: Value]
}

extension PerLayer: Sendable where Value: Sendable {}
extension PerLayer: Equatable where Value: Equatable {}

/// What can be wrong with a pipeline file.
public enum PipelineFileError: Error, Equatable, CustomStringConvertible {
    case unreadable(file: String, reason: String)
    case empty(file: String)
    case syntax(file: String, reason: String)
    case tab(place: String)
    case unknownKey(place: String, path: String, key: String, known: [String])
    case duplicateKey(place: String, path: String, key: String)
    case missingKey(place: String, path: String, key: String)
    case wrongValue(place: String, path: String, found: String, expected: String)
    /// None of some keys, or several, where one is needed.
    case wrongChoice(place: String, path: String, found: [String], choices: [String])
    case wrongOrder(place: String, stage: String, reason: String)
    case noSuchStage(file: String, found: String, known: [String])

    public var description: String {
        switch self {
        case .unreadable(let file, let reason): "\(file): \(reason)"
        case .empty(let file): "\(file): the file is empty, expected a pipeline"
        case .syntax(let file, let reason): "\(file): not valid YAML: \(reason)"
        case .tab(let place): "\(place): a tab in front of the text, expected spaces"
        case .unknownKey(let place, let path, let key, let known):
            "\(place): unknown key '\(key)'\(inside(path)); known: \(known.joined(separator: ", "))"
        case .duplicateKey(let place, let path, let key):
            "\(place): key '\(key)' stands twice\(inside(path))"
        case .missingKey(let place, let path, let key):
            "\(place): key '\(key)' is missing\(inside(path))"
        case .wrongValue(let place, let path, let found, let expected):
            "\(place): \(path.isEmpty ? "the file" : path) is \(found), expected \(expected)"
        case .wrongChoice(let place, let path, let found, let choices):
            found.isEmpty
                ? "\(place): \(path) has none of \(enumeration(choices)), expected one of them"
                : "\(place): \(path) has \(found.count == 2 ? "both " : "")\(enumeration(found)), "
                    + "expected only one of them"
        case .wrongOrder(let place, let stage, let reason):
            "\(place): stage '\(stage)' \(reason)"
        case .noSuchStage(let file, let found, let known):
            "\(file): no stage '\(found)'; stages: \(known.joined(separator: ", "))"
        }
    }

    /// At least two words: `a, b and c`.
    private func enumeration(_ words: [String]) -> String {
        words.dropLast().joined(separator: ", ") + " and " + words[words.count - 1]
    }

    private func inside(_ path: String) -> String { path.isEmpty ? "" : " in \(path)" }
}
