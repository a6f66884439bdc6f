import Foundation
import Training

extension Checkpoint {
    /// The note with the names of the classes, a list in JSON; there is none where they have no names.
    static let classesNote = "classes"

    /// The value of that note.
    static func note(ofClasses names: [String]) throws -> String {
        String(decoding: try JSONEncoder().encode(names), as: UTF8.self)
    }

    /// The names that the note has, one a class; empty without it.
    ///
    /// - Throws: `CheckpointError.badMetadata` for a note that does not fit the network.
    func classNames(path: String) throws(CheckpointError) -> [String] {
        guard let note = notes[Self.classesNote] else { return [] }
        let count = network.shapes.last!.reduce(1, *)
        guard let names = try? JSONDecoder().decode([String].self, from: Data(note.utf8)),
            names.count == count
        else {
            throw .badMetadata(
                path: path, field: Self.classesNote,
                reason: "is \(note.prefix(80)), expected \(count) names as JSON, one a class")
        }
        return names
    }
}
