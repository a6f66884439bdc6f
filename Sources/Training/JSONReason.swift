import Foundation

/// What is wrong with JSON, for people: `DecodingError` describes itself in the words of Swift.
package func jsonReason(_ error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
        path.map { $0.intValue.map { "[\($0)]" } ?? ".\($0.stringValue)" }.joined()
    }
    guard let error = error as? DecodingError else { return "\(error)" }
    switch error {
    case .keyNotFound(let key, let context):
        return "no '\(key.stringValue)' in \(place(context.codingPath) + "{}")"
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
        return "\(place(context.codingPath)) is no \(type)"
    case .dataCorrupted(let context) where context.codingPath.isEmpty: return "no JSON"
    case .dataCorrupted(let context):
        return "\(place(context.codingPath)): \(context.debugDescription)"
    @unknown default: return "\(error)"
    }
}
