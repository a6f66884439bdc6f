import Networks
import Tensors

/// Changes all variables of a network by their gradients.
public struct Optimizer: Sendable {
    public enum Method: Sendable, Equatable {
        /// `m = momentum · m + g`, `w -= rate · m`
        case sgd(momentum: Float, nesterov: Bool)
        /// Adam with decoupled weight decay (Kingma & Ba 2015; Loshchilov & Hutter 2019).
        case adam(beta1: Float, beta2: Float, epsilon: Float)
    }

    public let method: Method
    /// On variables that decay; step sizes, offsets and biases do not.
    public let weightDecay: Float
    /// Steps taken, without those at rate 0, which leave moments as they are, too.
    public internal(set) var step = 0
    /// Moments of the gradient by variable name: one for SGD, two for Adam.
    public internal(set) var moments: [String: [Tensor]] = [:]

    public init(_ method: Method, weightDecay: Float) {
        self.method = method
        self.weightDecay = weightDecay
    }

    /// - Parameter threads: how many may work; results do not depend on it.
    public mutating func update(_ network: inout Network, learningRate: Float, threads: Int = 1) {
        if learningRate == 0 { return }
        step += 1
        network.visitVariables { name, variable in
            update(name, &variable, rate: learningRate, threads: threads)
        }
    }

    private mutating func update(
        _ name: String, _ variable: inout Variable, rate: Float, threads: Int
    ) {
        let decay = variable.decays ? weightDecay : 0
        switch method {
        case .sgd(let momentum, let nesterov):
            withMoments(name, count: 1, shape: variable.value.shape) { moments in
                // Then the new moments are within the limit, too, and with them the step.
                if let share = variable.largestChange {
                    moments[0].limit(to: share / rate, of: variable.value)
                    variable.gradient.limit(to: share * (1 - momentum) / rate, of: variable.value)
                }
                variable.value.stepSGD(
                    gradient: variable.gradient, momentum: &moments[0], rate: rate,
                    momentumFactor: momentum, decay: decay, nesterov: nesterov,
                    threads: threads)
            }
        case .adam(let beta1, let beta2, let epsilon):
            let step = step
            let before = variable.largestChange.map { _ in variable.value }
            withMoments(name, count: 2, shape: variable.value.shape) { moments in
                var square = Tensor.empty
                swap(&square, &moments[1])
                variable.value.stepAdam(
                    gradient: variable.gradient, mean: &moments[0], square: &square, step: step,
                    rate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, decay: decay,
                    threads: threads)
                swap(&square, &moments[1])
            }
            if let share = variable.largestChange, let before {
                variable.limitChange(from: before, to: share)
            }
        }
    }

    private mutating func withMoments(
        _ name: String, count: Int, shape: [Int], _ body: (inout [Tensor]) -> Void
    ) {
        var own: [Tensor] = []
        swap(&own, &moments[name, default: []])
        // A checkpoint may hold the moments of another method or of another shape: start again.
        if own.count != count || own.contains(where: { $0.shape != shape }) {
            own = (0..<count).map { _ in Tensor(shape: shape) }
        }
        body(&own)
        swap(&own, &moments[name, default: []])
    }
}

extension Tensor {
    /// Cuts each element to `factor` times the magnitude of the value in its place.
    ///
    /// SGD cuts the gradient before it enters the moments, so that they do not go on moving a value which a
    /// single large gradient has moved as far as it may; and the moments, which hold what larger values
    /// allowed.
    fileprivate mutating func limit(to factor: Float, of values: Tensor) {
        for index in 0..<count {
            let largest = factor * abs(values[index])
            self[index] = min(max(self[index], -largest), largest)
        }
    }
}

extension Variable {
    /// - Parameter share: of what the values were before.
    fileprivate mutating func limitChange(from before: Tensor, to share: Float) {
        for index in 0..<value.count {
            let (start, largest) = (before[index], share * abs(before[index]))
            value[index] = min(max(value[index], start - largest), start + largest)
        }
    }
}
