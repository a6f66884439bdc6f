import Tensors

/// A named parameter of a layer: what is trained, and the chain of functions that make of it what the
/// layer computes with.
///
/// The chain runs from the trained tensor outwards: quantizer, then codebook, then mask, so that
/// `effective = mask(codebook(quantizer(trained)))`. The mask stands last: nothing that an inner
/// stage does can bring a pruned weight back.
public struct Parameter: Sendable {
    /// What is trained: the weights themselves, or the centroids once weights are shared.
    public var trained: Variable
    public private(set) var chain: [any Parametrization] = []
    /// What the layer computes with; up to date after `updateEffective()`.
    public var effective: Tensor { chain.isEmpty ? trained.value : result }
    /// The output of a chain that is not empty.
    private var result: Tensor = .empty
    /// The loss gradient with respect to `effective`; a layer's backward pass writes it.
    public var effectiveGradient: Tensor {
        _read { yield chain.isEmpty ? trained.gradient : resultGradient }
        _modify {
            if chain.isEmpty { yield &trained.gradient } else { yield &resultGradient }
        }
    }
    /// That of a chain that is not empty.
    private var resultGradient: Tensor = .empty
    /// `values[i]` is the input of `chain[i + 1]`, kept for the backward pass.
    private var values: [Tensor] = []
    private var gradients: [Tensor] = []

    public init(_ value: Tensor, decays: Bool) {
        trained = Variable(value, decays: decays)
    }

    /// The first parametrization of a type, or `nil`.
    public func parametrization<P: Parametrization>(_ type: P.Type) -> P? {
        for element in chain { if let found = element as? P { return found } }
        return nil
    }

    /// Replaces trained tensor and chain.
    public mutating func setChain(_ chain: [any Parametrization], trained: Variable? = nil) {
        if let trained { self.trained = trained }
        self.chain = chain
        updateBuffers()
        updateEffective()
    }

    /// Changes functions of the chain; the shapes that they give have to stay as they are.
    public mutating func updateChain(_ change: (inout any Parametrization) -> Void) {
        for index in chain.indices { change(&chain[index]) }
    }

    /// Computes `effective` from what is trained.
    public mutating func updateEffective(threads: Int = 1) {
        for (index, parametrization) in chain.enumerated() {
            let value = index == 0 ? trained.value : values[index - 1]
            if index == chain.count - 1 {
                parametrization.apply(to: value, into: &result, threads: threads)
            } else {
                parametrization.apply(to: value, into: &values[index], threads: threads)
            }
        }
    }

    /// Turns `effectiveGradient` into the gradients of everything that is trained.
    public mutating func backpropagate(threads: Int = 1) {
        for index in chain.indices.reversed() {
            let value = index == 0 ? trained.value : values[index - 1]
            let outer = index == chain.count - 1 ? resultGradient : gradients[index]
            if index == 0 {
                chain[0].backpropagate(
                    value: value, effectiveGradient: outer, into: &trained.gradient,
                    threads: threads)
            } else {
                chain[index].backpropagate(
                    value: value, effectiveGradient: outer, into: &gradients[index - 1],
                    threads: threads)
            }
        }
    }

    /// Visits the trained tensor (as `""`) and the variables of the chain (as `step`, ...).
    public mutating func visitVariables(_ visit: (String, inout Variable) -> Void) {
        visit("", &trained)
        for index in chain.indices { chain[index].visitVariables(visit) }
    }

    /// Gives back the memory of gradients, which are zero then.
    mutating func releaseGradients() {
        trained.gradient = Tensor(shape: trained.gradient.shape)
        resultGradient = Tensor(shape: resultGradient.shape)
        gradients = gradients.map { Tensor(shape: $0.shape) }
    }

    private mutating func updateBuffers() {
        var shape = trained.value.shape
        values = []
        for parametrization in chain {
            shape = parametrization.effectiveShape(of: shape)
            values.append(Tensor(shape: shape))
        }
        result = values.popLast() ?? .empty
        gradients = values.map { Tensor(shape: $0.shape) }
        resultGradient = chain.isEmpty ? .empty : Tensor(shape: shape)
        trained.gradient = Tensor(shape: trained.value.shape)
    }
}
