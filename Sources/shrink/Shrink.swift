import ArgumentParser
@preconcurrency import Foundation
import Pipeline

/// The command: parses arguments and calls `Pipeline`.
@main
struct Shrink: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shrink",
        abstract: "Makes a trained network small and fast, and runs it.",
        discussion: """
            A pipeline file lists the stages that a network goes through: train, factorize, \
            prune, share, quantize, encode. Each stage leaves a checkpoint and a report in \
            build/PIPELINE/STAGE; the last one leaves build/PIPELINE/model.shrink, which the engine runs.

            EXAMPLE
              shrink train Pipelines/digits.yaml
              shrink prune Pipelines/digits.yaml
              shrink quantize Pipelines/digits.yaml
              shrink encode Pipelines/digits.yaml
              shrink report Pipelines/digits.yaml
              shrink eval build/digits/model.shrink --data digits
            """,
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(
                name: "Stages",
                subcommands: [
                    Train.self, Factorize.self, Prune.self, Share.self, Quantize.self,
                    Encode.self,
                ]),
            CommandGroup(
                name: "Models",
                subcommands: [
                    Eval.self, Run.self, BenchCommand.self, Inspect.self, Decode.self,
                    SensitivityCommand.self, Import.self, Export.self,
                ]),
            CommandGroup(
                name: "Pipelines",
                subcommands: [Plan.self, Report.self, Results.self, ExperimentCommand.self]),
        ])

    static func main() {
        refuseUnknownCommand(CommandLine.arguments.dropFirst())
        if let text = instructionSetWarning() {
            FileHandle.standardError.write(Data("\(text)\n".utf8))
        }
        main(tyingNegativeNumbers(in: Array(CommandLine.arguments.dropFirst())))
        // `print` does not say that a disk is full: long texts leave a mark, short ones wait until here.
        if fflush(stdout) != 0 || ferror(stdout) != 0 {
            FileHandle.standardError.write(
                Data("Error: standard output can not be written\n".utf8))
            exit(withError: ExitCode.failure)
        }
    }

    /// The parser would complain of too many arguments, or show the help of this command, as if nothing
    /// were wrong.
    private static func refuseUnknownCommand(_ arguments: ArraySlice<String>) {
        guard let first = arguments.first, !first.hasPrefix("-") else { return }
        let words = arguments.filter { !$0.hasPrefix("-") }
        guard first != "help" || words.count > 1 else { return }
        let word = first == "help" ? words[words.startIndex + 1] : first
        let known = configuration.groupedSubcommands.flatMap { $0.subcommands }
            .map { $0._commandName }
        guard !(known + ["help"]).contains(word) else { return }
        let similar = known.map { (name: $0, edits: edits(from: word, to: $0)) }
            .min { $0.edits < $1.edits }
        let guess = similar.flatMap { $0.edits <= 2 ? " did you mean '\($0.name)'?" : nil }
        exit(
            withError: ValidationError(
                "no command '\(word)';\(guess ?? "") known: \(known.joined(separator: ", "))"))
    }

    /// How many characters have to be put in, taken out or replaced to make one word of the other
    /// (Levenshtein 1966).
    private static func edits(from word: String, to other: String) -> Int {
        // Of what has been read of `word`, to each beginning of `other`.
        var row = Array(0...other.count)
        for (index, letter) in word.enumerated() {
            var next = [index + 1]
            for (place, wanted) in other.enumerated() {
                let replaced = row[place] + (letter == wanted ? 0 : 1)
                next.append(min(replaced, row[place + 1] + 1, next[place] + 1))
            }
            row = next
        }
        return row[other.count]
    }
}
