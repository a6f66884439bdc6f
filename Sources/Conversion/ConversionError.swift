/// Why a network can not be put into integers.
public enum ConversionError: Error, Equatable, CustomStringConvertible {
    /// What an integer operation reads or writes has no grid.
    case notQuantized(layer: String, what: String)
    case unsupported(layer: String, String)
    /// A number that is infinite or none.
    case notFinite(layer: String, what: String)

    public var description: String {
        switch self {
        case .notQuantized(let layer, let what):
            "no quantizer for the \(what) of '\(layer)'; the stage 'quantize' gives it one"
        case .unsupported(let layer, let what):
            "layer '\(layer)' can not be converted to integers: \(what)"
        case .notFinite(let layer, let what):
            "layer '\(layer)' can not be converted to integers: its \(what) are not all finite"
        }
    }
}
