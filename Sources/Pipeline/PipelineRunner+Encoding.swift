import Container
import Conversion
import Inference
import Networks
import PackedModel
import Tensors
import Training

extension PipelineRunner {
    func encode(
        _ index: Int, _ settings: EncodeSettings, _ data: PipelineData
    ) throws -> StageReport { fatalError() }
}
