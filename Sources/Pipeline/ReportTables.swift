extension StageReport {
    func summary(total: Int, number: Int) -> String {
        "[\(number)/\(total)] \(stage): \(bytes.stored) bytes, \(compressionRatio)x, test \(accuracy.top1 * 100), validation \((validation?.top1 ?? 0) * 100), nonzero \(parameters.nonzero), \(seconds) s"
    }
}
