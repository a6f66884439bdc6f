import Importing

/// What can go wrong while a pipeline runs.
public enum PipelineError: Error, Equatable, CustomStringConvertible {
    case unknownLayer(file: String, stage: String, key: String, found: String, known: [String])
    case layerWithoutValue(file: String, stage: String, key: String, layer: String)
    case missingInput(stage: String, path: String, previous: String)
    case outdatedInput(stage: String, path: String, previous: String)
    /// What a stage before has left was made with other training images.
    case otherData(stage: String, path: String, previous: String, dataSet: String)
    case noTrainingData(dataSet: String, found: Int, validationCount: Int)
    case diverged(stage: String, epoch: Int)
    /// Samples that are no images would be shifted or flipped.
    case augmentedFeatures(stage: String)
    case dataDoNotFit(dataSet: String, found: [Int], expected: [Int])
    /// A network from a file; shapes are those of its input and its output.
    case networkDoesNotFit(path: String, found: [[Int]], expected: [[Int]])
    /// Means and deviations for another number of channels; `what` is a data set or a network's file.
    case normalizationDoesNotFit(found: Int, what: String, channels: Int)
    case noFolder(path: String, reason: String)
    case missingReport(path: String)
    case notEncoded(path: String)
    case noModel(path: String, reason: String)
    case unfitForMake(path: String, character: Character)

    public var description: String {
        switch self {
        case .unknownLayer(let file, let stage, let key, let found, let known):
            "\(file): stages.\(stage).\(key) names '\(found)', which is no layer with weights; "
                + "known: \(known.joined(separator: ", "))"
        case .layerWithoutValue(let file, let stage, let key, let layer):
            "\(file): stages.\(stage).\(key) has no value for layer '\(layer)' and no default"
        case .missingInput(let stage, let path, let previous):
            "stage '\(stage)' reads \(path), which is not there; run stage '\(previous)' first"
        case .outdatedInput(let stage, let path, let previous):
            "stage '\(stage)' reads \(path), which was made with other settings than the pipeline "
                + "file has now; run stage '\(previous)' again"
        case .otherData(let stage, let path, let previous, let dataSet):
            "stage '\(stage)' reads \(path), which was made with other training images than "
                + "\(dataSet) has now; run stage '\(previous)' again, or 'make pipeline' for all"
        case .noTrainingData(let dataSet, let found, let count):
            "\(dataSet) has \(found) training images; data.validation sets \(count) aside, which "
                + "leaves none to train on"
        case .diverged(let stage, let epoch):
            "stage '\(stage)' diverged in epoch \(epoch): its loss or its weights are no "
                + "numbers any more; try a smaller learning-rate"
        case .augmentedFeatures(let stage):
            "stage '\(stage)' has 'shift' or 'flip', which are for images; this network reads features"
        case .dataDoNotFit(let dataSet, let found, let expected):
            "\(dataSet) has samples of shape \(found), the network reads \(expected) "
                + "(\(expected.count == 1 ? "features" : "channels, height, width"))"
        case .networkDoesNotFit(let path, let found, let expected):
            if found[1] == expected[1] {
                "\(path) reads \(found[0]), and the images are \(expected[0]) ([channels, height, "
                    + "width])"
            } else {
                "\(path) turns \(found[0]) into \(found[1]), and the data want \(expected[0]) "
                    + "turned into \(expected[1]) "
                    + (found[1] == [1] && expected[1] == [2]
                        ? "(\(DataSetError.oneOutput))"
                        : "(data.classes states how many classes there are, or their names)")
            }
        case .normalizationDoesNotFit(let found, let what, let channels):
            "\(found) means and deviations for the normalization, expected one for each of the "
                + "\(channels) channels of \(what)"
        case .noFolder(let path, let reason):
            "can not create the folder \(path) for results: \(reason); --build names another place"
        case .missingReport(let path):
            "no report at \(path); run the pipeline first"
        case .notEncoded(let path):
            "\(path) is a checkpoint; expected a .shrink file (made by the stage 'encode')"
        case .noModel(let path, let reason):
            "\(path): \(reason)"
        case .unfitForMake(let path, let character):
            "\(path): make can not work with '\(character)' in a path; name the file or folder "
                + "without it, or run the stages by 'shrink train', 'shrink prune' and so on"
        }
    }
}
