"""Runs exported models in ONNX Runtime and compares them with what `shrink` computes.

    pip install numpy onnx==1.23.2 onnxruntime==1.31.1
    python check_export.py --shrink .build/release/shrink --images test-images.gz \
        --labels test-labels.gz [--data NAME] MODEL ...

MODEL is a .shrink file, of which every prediction is compared with the engine's, or a checkpoint, of
which the number of right answers is compared (`shrink eval --data NAME`, whose test part the images
have to be). IDX files, plain or gzip. Fails where less than 99.5 % agree.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

NEEDED = 0.995


def idx(path):
    data = pathlib.Path(path).read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    rank = data[3]
    shape = np.frombuffer(data, ">u4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def normalized(images, metadata, pixel_scale):
    """Pixels as the network reads them, [batch, channels, height, width]."""
    x = images[:, None] if images.ndim == 3 else images
    scale = np.float32(metadata.get("pixelScale", pixel_scale))
    row = lambda key, value: np.array(
        (metadata.get(key) or value).split(), np.float32)[None, :, None, None]
    return (x.astype(np.float32) * scale - row("mean", "0")) / row("deviation", "1")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--shrink", default=".build/release/shrink")
    parser.add_argument("--images", required=True)
    parser.add_argument("--labels")
    parser.add_argument("--data")
    parser.add_argument("--last", type=int, help="only the last images of the file")
    parser.add_argument("--pixel-scale", type=float, default=1 / 255)
    options = parser.parse_args()
    run = lambda *words: subprocess.run(
        [options.shrink, *words], check=True, capture_output=True, text=True).stdout
    images = idx(options.images)
    start = len(images) - options.last if options.last else 0
    failed = False
    for name in options.models:
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/model.onnx"
            run("export", name, "--output", path)
            model = onnx.load(path)
            onnx.checker.check_model(model, full_check=True)
            metadata = {entry.key: entry.value for entry in model.metadata_props}
            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        x = normalized(images, metadata, options.pixel_scale)
        if len(session.get_inputs()[0].shape) == 2:
            x = x.reshape(len(x), -1)
        predict = lambda part: session.run(None, {session.get_inputs()[0].name: part})[0]
        # Grids that are made at run time span a batch; those of the engine span a sample.
        is_dynamic = any(node.op_type == "DynamicQuantizeLinear" for node in model.graph.node)
        size = 1 if is_dynamic else 100
        found = np.concatenate([predict(x[i : i + size]) for i in range(0, len(x), size)])
        found = found.reshape(len(x), -1).argmax(1)
        if name.endswith(".shrink"):
            engine = json.loads(run("run", name, "--input", options.images, "--json"))
            expected = np.array([entry["class"] for entry in engine])
            agreement = (found == expected)[start:].mean()
            text = "predictions as the engine's"
        else:
            right = (found == idx(options.labels))[start:]
            result = json.loads(run("eval", name, "--data", options.data, "--json"))
            assert result["count"] == len(right), f"{result['count']} images, {len(right)} here"
            agreement = 1 - abs(int(right.sum()) - result["correct"]) / len(right)
            text = f"as many right answers of {len(right)} as the network's"
        failed |= agreement < NEEDED
        print(f"{name}: {100 * agreement:.2f} % {text}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
