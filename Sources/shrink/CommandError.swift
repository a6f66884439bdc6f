/// What is wrong with a command's wishes once its files are read; `ValidationError` is for what arguments
/// show by themselves.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
