/// The part of a data set that is asked for.
///
/// Choices are made on `validation`, the last samples of the training set; `test` is read once, for the
/// figure that is reported.
public enum Split: String, Sendable, CaseIterable {
    case train, validation, test
}

extension DataSet {
    /// This training set without its last `count` samples (`.train`), or those samples (`.validation`).
    func trainingPart(_ split: Split, validationCount count: Int) throws(DataSetError) -> DataSet {
        guard 0..<self.count ~= count else {
            throw .invalidValidationCount(dataSet: name, found: count, sampleCount: self.count)
        }
        let boundary = self.count - count
        switch split {
        case .train: return count == 0 ? self : subset(0..<boundary)
        case .validation: return subset(boundary..<self.count)
        case .test: preconditionFailure("the test set is no part of the training set")
        }
    }
}
