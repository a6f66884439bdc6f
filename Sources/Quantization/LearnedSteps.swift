import Networks
import Tensors

extension Variable {
    /// Step sizes that training learns, `[steps]`.
    ///
    /// A training step changes them by no more than 5 %. The weights of a layer in front of batch
    /// normalization have gradients that grow as their step shrinks; without a limit, at a learning rate of
    /// 0.04, the step of a ResNet-20 layer went from 0.008 through 0.001 to 11.7 within 20 batches, and
    /// all weights of the layer to zero for good.
    static func learnedSteps(_ steps: [Float]) -> Variable {
        var variable = Variable(Tensor(shape: [steps.count], elements: steps), decays: false)
        variable.largestChange = 0.05
        return variable
    }
}
