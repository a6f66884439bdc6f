/// The arguments with negative numbers tied to their option, as `--mean=-0.1 --mean=0.2` for `--mean -0.1
/// 0.2`: the parser takes what begins with a dash for another option.
func tyingNegativeNumbers(in arguments: [String]) -> [String] {
    var result: [String] = []
    var option: String?
    var isTied = false
    for (index, argument) in arguments.enumerated() {
        if argument == "--" { return result + arguments[index...] }
        if argument.hasPrefix("--") {
            option = argument.split(separator: "=").first.map(String.init)
            isTied = false
        } else if let option, Double(argument) != nil {
            isTied = isTied || argument.hasPrefix("-")
            if isTied {
                if result.last == option { result.removeLast() }
                result.append("\(option)=\(argument)")
                continue
            }
        } else {
            option = nil
        }
        result.append(argument)
    }
    return result
}
