import Foundation
import Pipeline

/// A report with small numbers, as its file has it.
///
/// Layers of the last stage: 60 + 40 bytes, of 128 stored.
func sampleReport(pipeline: String = "tiny", seed: UInt64 = 1) throws -> PipelineReport {
    var report = try JSONDecoder().decode(PipelineReport.self, from: Data(sampleJSON.utf8))
    report.pipeline = pipeline
    report.seed = seed
    return report
}

private let sampleJSON = """
    {
      "pipeline": "tiny", "method": "by hand", "seed": 1,
      "stages": [
        {
          "stage": "train", "seconds": 200, "peakMemoryBytes": 1,
          "accuracy": {"split": "test", "count": 10000, "top1": 0.9836},
          "parameters": {"total": 1280, "nonzero": 1280},
          "bytes": {"float32": 5120, "stored": 5120}, "compressionRatio": 1,
          "layers": [
            {"name": "fc1", "shape": [10, 100], "weights": 1000, "nonzero": 1000,
             "weightBits": 32, "bytes": 4000},
            {"name": "fc2", "shape": [10, 20], "weights": 200, "nonzero": 200,
             "weightBits": 32, "bytes": 800}
          ]
        },
        {
          "stage": "encode", "seconds": 5.2, "peakMemoryBytes": 1,
          "accuracy": {"split": "test", "count": 10000, "top1": 0.983},
          "validation": {"split": "validation", "count": 5000, "top1": 0.985},
          "parameters": {"total": 1280, "nonzero": 160},
          "bytes": {"float32": 5120, "stored": 128}, "compressionRatio": 40,
          "layers": [
            {"name": "fc1", "shape": [10, 100], "weights": 1000, "nonzero": 50,
             "weightBits": 6, "weightBitsCoded": 4.4, "indexBits": 5, "indexBitsCoded": 3.7,
             "coding": "deep-compression-5", "bytes": 60, "entropyBoundBytes": 50},
            {"name": "fc2", "shape": [10, 20], "weights": 200, "nonzero": 50,
             "weightBits": 3, "weightBitsCoded": 2.4, "indexBits": 8, "indexBitsCoded": 3.2,
             "coding": "deep-compression-8", "bytes": 40, "entropyBoundBytes": 30}
          ],
          "engine": {"top1": 0.983, "agreement": 0.9999, "isa": "avx2",
                     "microsecondsPerSample": 1.25}
        }
      ],
      "engine": {"top1": 0.983, "agreement": 0.9999, "isa": "avx2", "microsecondsPerSample": 1.24}
    }
    """
