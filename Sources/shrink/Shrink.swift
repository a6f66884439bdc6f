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
        refuseHelpOnUnknownCommand(CommandLine.arguments.dropFirst())
        if let text = instructionSetWarning() {
            FileHandle.standardError.write(Data("\(text)\n".utf8))
        }
        main(nil)
        // `print` does not say that a disk is full: long texts leave a mark, short ones wait until here.
        if fflush(stdout) != 0 || ferror(stdout) != 0 {
            FileHandle.standardError.write(
                Data("Error: standard output can not be written\n".utf8))
            exit(withError: ExitCode.failure)
        }
    }

    /// The parser would show the help of this command, as if nothing were wrong.
    private static func refuseHelpOnUnknownCommand(_ arguments: ArraySlice<String>) {
        let words = arguments.filter { !$0.hasPrefix("-") }
        guard arguments.first == "help", words.count > 1 else { return }
        let known = configuration.groupedSubcommands.flatMap { $0.subcommands }
            .map { $0._commandName }
        guard !(known + ["help"]).contains(words[words.startIndex + 1]) else { return }
        exit(
            withError: ValidationError(
                "no command '\(words[words.startIndex + 1])'; known: "
                    + known.joined(separator: ", ")))
    }
}
