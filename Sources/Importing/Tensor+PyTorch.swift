import Tensors

// Weights between the layouts of PyTorch and ours, where outputs are innermost:
//
//     linear        [outputs, inputs]                      [inputs, outputs]
//     convolution   [outputs, inputs, height, width]       [height, width, inputs, outputs]
//
// Other tensors are the same.

extension [Int] {
    /// A shape of ours as PyTorch has it.
    var ofPyTorch: [Int] {
        switch count {
        case 2: [self[1], self[0]]
        case 4: [self[3], self[2], self[0], self[1]]
        default: self
        }
    }
}

extension Tensor {
    /// Takes the values of a tensor of PyTorch whose shape is `shape.ofPyTorch`.
    mutating func assign(ofPyTorch x: Tensor) {
        precondition(x.shape == shape.ofPyTorch, "\(x.shape) into \(shape)")
        guard count > 0 else { return }
        switch shape.count {
        case 2: assignTransposed(x, rows: x.shape[0], columns: x.shape[1], threads: 1)
        case 4:
            // Each output's inputs behind its positions, and then all outputs innermost.
            let (outputs, inputs) = (x.shape[0], x.shape[1])
            var innermost = Tensor(shape: x.shape)
            innermost.assignTransposed(
                x, rows: inputs, columns: x.shape[2] * x.shape[3], threads: 1)
            assignTransposed(innermost, rows: outputs, columns: count / outputs, threads: 1)
        default: self = x
        }
    }

    /// The same weights as PyTorch has them.
    var ofPyTorch: Tensor {
        var result = Tensor(shape: shape.ofPyTorch)
        guard count > 0 else { return result }
        switch shape.count {
        case 2: result.assignTransposed(self, rows: shape[0], columns: shape[1], threads: 1)
        case 4:
            var outermost = Tensor(shape: shape)
            outermost.assignTransposed(
                self, rows: count / shape[3], columns: shape[3], threads: 1)
            result.assignTransposed(
                outermost, rows: shape[0] * shape[1], columns: shape[2], threads: 1)
        default: return self
        }
        return result
    }
}
