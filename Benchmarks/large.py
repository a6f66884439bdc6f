"""Memory and time of a large network in every stage: VGG-16 for images of 224x224 pixels.

    large.py SHRINK [--limit 4.0]

Writes a few images of noise (256 classes, the most that labels of data sets have), runs the stages of
Benchmarks/vgg-16.yaml one process each, then reads the file back and runs it in the engine. Prints for
each its seconds, its processor seconds, its peak memory and the bytes it left, and ends with an error
if one of them takes more than LIMIT GiB.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import time

PIPELINE = pathlib.Path(__file__).with_name("vgg-16.yaml")
# The pipeline file names the folder of the data below it.
BUILD = pathlib.Path("build/check-large")
STAGES = ["train", "prune", "share", "quantize", "encode"]
GIB = 1 << 30


def write_array(path, shape, content):
    """A NumPy file (version 1.0) of bytes."""
    header = str({"descr": "|u1", "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content)


def write_data(folder):
    noise = random.Random(1)
    folder.mkdir(parents=True, exist_ok=True)
    for part, labels in [("train", [255, 0, 1, 2, 3, 4, 5, 6, 7, 8]), ("test", range(12))]:
        shape = (len(labels), 224, 224, 3)
        write_array(folder / f"x_{part}.npy", shape, noise.randbytes(len(labels) * 224 * 224 * 3))
        write_array(folder / f"y_{part}.npy", (len(labels),), bytes(labels))


class Process:
    """A command, its output, and what it took."""

    def __init__(self, command):
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)}: exit code {process.returncode}")
        self.seconds = time.monotonic() - start
        self.processor_seconds = usage.ru_utime + usage.ru_stime
        self.peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    def row(self, name, size):
        return (f"{name:<10}{self.seconds:>10.1f}{self.processor_seconds:>10.1f}"
                f"{self.peak / GIB:>11.2f}{size:>16,}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shrink")
    parser.add_argument("--limit", type=float, default=4.0, help="GiB")
    options = parser.parse_args()

    write_data(BUILD / "data")
    results = BUILD / "vgg-16"
    peaks = {}
    print(f"{'stage':<10}{'seconds':>10}{'CPU s':>10}{'peak GiB':>11}{'bytes':>16}", flush=True)

    def run(name, command, left):
        process = Process([options.shrink, *command])
        peaks[name] = process.peak / GIB
        print(process.row(name, left.stat().st_size), flush=True)
        return process.output

    model = results / "model.shrink"
    for stage in STAGES:
        left = model if stage == "encode" else results / stage / "checkpoint.safetensors"
        run(stage, [stage, str(PIPELINE), "--build", str(BUILD)], left)
    images = str(BUILD / "data" / "x_test.npy")
    outputs = json.loads(run("run", ["run", str(model), "--input", images, "--json"], model))

    report = json.loads((results / "encode" / "report.json").read_text())
    print(f"{report['parameters']['total']:,} parameters, {report['compressionRatio']:.1f}x smaller; "
          f"engine and network agree on {100 * report['engine']['agreement']:.0f} % of the images; "
          f"the file says of them: {', '.join(output['name'] for output in outputs)}")
    if any(len(set(output["logits"])) < 2 for output in outputs):
        sys.exit("the file's network does not tell classes apart")
    over = [name for name, peak in peaks.items() if peak > options.limit]
    if over:
        sys.exit(f"more than {options.limit} GiB: {', '.join(over)}")


if __name__ == "__main__":
    main()
