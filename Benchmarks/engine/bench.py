"""Times the engine against what users would otherwise run, side by side.

    bench.py --models DIR --library FILE --output DIR --docs DIR [--quick] [--only WORD] [--isa NAME] [--page NAME]

With --only, what was measured on the same machine and day stays in the table. The page goes to --docs
when all networks are in it, else to --output; a whole table is not replaced by a part. With --isa, a CPU is
measured as if it had no more than that instruction set; of the others those alone run then that can be
held to it, unless it is the widest that the CPU has anyway. --page names the page of a machine that is
not to take the place of another one's.

DIR holds .shrink files and what models.py made of them. A unit is a network with a batch size and a
number of threads. All engines of a unit are loaded, each in a process of its own; then they take turns
of a tenth of a second in random order, and those whose turn it is not are stopped, so that nobody's
waiting threads disturb anybody. A figure is the median over the turns of the median of a turn.
"""

import argparse
import json
import os
import platform
import random
import select
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import page
from models import SOURCES

HERE = Path(__file__).parent
TURNS, TURN_SECONDS, LOAD_SECONDS = 5, 0.1, 180

# Of Deep Compression (Han, Mao & Dally 2016): single layers, at the paper's densities.
LAYERS = ["alexnet-fc6", "alexnet-fc7", "alexnet-fc8", "vgg-16-fc6", "vgg-16-fc7", "vgg-16-fc8"]
SMALL = ["lenet-300-100", "lenet-5", "resnet-20"]
LARGE = ["resnet-18", "resnet-50", "vgg-16", "alexnet", "mobilenet-v2", "shufflenet-v2",
         "efficientnet-b0"]
BEFORE = "layer-before"  # runs before each call of a cold layer
QUICK = ["alexnet-fc7", "vgg-16-fc6", "lenet-5", "resnet-20", "resnet-18", "mobilenet-v2"]

# Row, worker, ending of the file behind the network's name. Files that are not there have no row.
OURS = [(f"shrink {bits} {sparsity}", "shrink", f".{bits.lower()}.{name}.shrink")
        for sparsity, name in (("90 %", "s90"), ("95 %", "s95"), ("paper", "dc"))
        for bits in ("W4A4", "W4A8", "W8A8")]
PEERS = [
    ("ONNX Runtime float", "onnxruntime", ".float.onnx"),
    ("ONNX Runtime int8", "onnxruntime", ".int8.onnx"),
    ("ONNX Runtime 4-bit weights", "onnxruntime", ".int4.onnx"),
    ("OpenVINO float", "openvino", ".float.onnx"),
    ("OpenVINO int8", "openvino", ".int8.onnx"),
    ("LiteRT int8", "litert", ".int8.tflite"),
    ("OpenBLAS dense float", "openblas", ".matrix.npz"),
    ("MKL sparse float", "mkl-csr", ".matrix.npz"),
    ("DeepSparse float", "deepsparse", ".float.onnx"),
    ("DeepSparse int8", "deepsparse", ".operators.onnx"),
    (f"DeepSparse int8, {page.OTHER_ZEROS}", "deepsparse", ".blocks.onnx"),
]

# By the word of SHRINK_ISA: what holds the libraries of other engines to the same instructions. ONNX
# Runtime, LiteRT and DeepSparse always take the widest that they find, and so does OpenVINO for fully
# connected layers in floats, which it computes by ONNX Runtime's library.
HELD = ("shrink", "openvino", "openblas", "mkl-csr")
NOT_HELD = ("OpenVINO float",)
LIMITS = {
    "avx512vnni": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_VNNI", "OPENBLAS_CORETYPE": "SkylakeX",
                   "MKL_ENABLE_INSTRUCTIONS": "AVX512_E1"},
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "OPENBLAS_CORETYPE": "Haswell",
             "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}


class Worker:
    """An engine in a process that is stopped unless it is asked something."""

    def __init__(self, row, kind, python, task, threads, limits):
        self.row, self.turns, self.error, self.version = row, [], None, None
        environment = {**os.environ, "PYTHONWARNINGS": "ignore", "NM_DISABLE_ANALYTICS": "1",
                       "OPENVINO_TELEMETRY": "0", "TF_CPP_MIN_LOG_LEVEL": "3",
                       **{f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL")}}
        # An OpenBLAS as installed, with the kernels that it chooses by itself.
        environment.pop("OPENBLAS_CORETYPE", None)
        environment.pop("OPENBLAS_L2_SIZE", None)
        environment.pop("SHRINK_ISA", None)
        environment.update(limits)
        self.process = subprocess.Popen(
            [python, HERE / "workers.py", kind], env=environment, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.tell(task)

    def tell(self, message):
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.error = self.error or "it ended"

    def answer(self, seconds):
        if self.error is None and select.select([self.process.stdout], [], [], seconds)[0]:
            line = self.process.stdout.readline()
            if line:
                return json.loads(line)
        self.error = self.error or "no answer"
        return None

    def loaded(self):
        answer = self.answer(LOAD_SECONDS) or {}
        self.error = self.error or answer.get("error")
        self.version = answer.get("version")
        self.process.send_signal(signal.SIGSTOP)
        return self.error is None

    def turn(self):
        self.process.send_signal(signal.SIGCONT)
        self.tell(TURN_SECONDS)
        times = self.answer(60)
        self.process.send_signal(signal.SIGSTOP)
        if times:
            self.turns.append(statistics.median(times))

    def end(self):
        self.process.kill()
        self.process.wait()

    def result(self):
        if not self.turns:
            return {"row": self.row, "error": self.error}
        return {"row": self.row, "milliseconds": 1e3 * statistics.median(self.turns),
                "least": 1e3 * min(self.turns), "version": self.version}


def widest(models, library):
    """The instruction set that our engine chooses by itself, as the word of SHRINK_ISA."""
    task = {"file": str(next(models.glob("lenet-300-100.*.shrink"))), "batch": 1, "threads": 1,
            "shape": [1, 28, 28], "library": str(library.resolve())}
    worker = Worker("shrink", "shrink", sys.executable, task, 1, {})
    if not worker.loaded():
        sys.exit(f"{task['file']}: {worker.error}")
    worker.end()
    return worker.version.split()[-1]


def entries(models, network, peers, names):
    """Rows of a network with their files."""
    rows = [(row, kind, models / (network + ending)) for row, kind, ending in OURS]
    source = next((s for s in SOURCES if (models / (network + s)).exists()), SOURCES[0])
    stem = network + source.removesuffix(".shrink")
    rows += [(row, kind, models / (stem + ending)) for row, kind, ending in PEERS
             if kind != "deepsparse" or "deepsparse" in peers]
    return [(row, kind, file) for row, kind, file in rows if file.exists() and row in names]


def units(networks):
    for network in networks:
        for batch in (1, 16 if network in LARGE else 64):
            for threads in (1, 2):
                yield network, batch, threads, False
        if network in LAYERS:
            yield network, 1, 1, True


def shape_of(network, models):
    """The shape of a sample."""
    return json.loads((models / f"{network}.json").read_text())["shape"]


def measure(unit, options):
    network, batch, threads, cold = unit
    rows = entries(options.models, network, options.peers, options.rows)
    shape = shape_of(network, options.models)
    workers = []
    for row, kind, file in rows:
        python = options.deepsparse if kind == "deepsparse" else sys.executable
        task = {"file": str(file), "batch": batch, "threads": threads, "shape": shape,
                "library": str(options.library.resolve())}
        if cold:
            file = file.with_name(file.name.replace(network, BEFORE, 1))
            task["before"] = {**task, "file": str(file), "shape": shape_of(BEFORE, options.models)}
        workers.append(Worker(row, kind, python, task, threads, options.limits))
    ready = [worker for worker in workers if worker.loaded()]
    for _ in range(TURNS):
        for worker in random.sample(ready, len(ready)):
            worker.turn()
    for worker in workers:
        worker.end()
    return {"network": network, "batch": batch, "threads": threads, "cold": cold,
            "rows": [worker.result() for worker in workers]}


def put(result, units):
    """In the place of the same unit measured earlier, or at the end."""
    names = ["network", "batch", "threads", "cold"]
    for place, unit in enumerate(units):
        if all(unit[name] == result[name] for name in names):
            units[place] = {**result, "again": True}
            return
    units.append(result)


def is_whole(results):
    """Whether it has every network."""
    return set(LAYERS + SMALL + LARGE) <= {unit["network"] for unit in results["units"]}


def machine():
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    return {"processor": names[0] if names else platform.processor(), "cores": os.cpu_count(),
            "date": time.strftime("%Y-%m-%d")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--docs", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="six networks only")
    parser.add_argument("--only", default="", help="networks whose names contain this")
    parser.add_argument("--deepsparse", help="a Python that has DeepSparse")
    parser.add_argument("--isa", default="", choices=["", *LIMITS], help="hold all to these instructions")
    parser.add_argument("--page", default="", help="a name for the page, instead of that of --isa")
    options = parser.parse_args()
    options.peers = ["deepsparse"] if options.deepsparse else []
    networks = QUICK if options.quick else LAYERS + SMALL + LARGE
    networks = [network for network in networks if options.only in network]
    own = widest(options.models, options.library)
    order = ["scalar", "avx2", "avx512vnni", "avx512"]
    if options.isa and (own not in order or order.index(own) < order.index(options.isa)):
        sys.exit(f"this processor runs {own}, not {options.isa}")
    limited = options.isa not in ("", own)
    options.limits = {**LIMITS[options.isa], "SHRINK_ISA": options.isa} if limited else {}
    options.rows = [row for row, kind, _ in OURS + PEERS
                    if not limited or kind in HELD and row not in NOT_HELD]
    name = options.page or options.isa
    suffix = f"-{name}" if name else ""
    path = options.output / f"results{suffix}.json"
    unfinished = path.with_suffix(".part.json")
    results = {"machine": machine(), "isa": options.isa or own, "limited": limited,
               "command": "make bench" + (options.isa and f" ISA={options.isa}")
               + (options.page and f" PAGE={options.page}"), "units": []}
    if options.only and path.exists():
        earlier = json.loads(path.read_text())
        # What is measured now takes the place of what was; the rest of the table stays.
        if earlier["machine"] == results["machine"]:
            results["units"] = earlier["units"]
    for unit in units(networks):
        result = measure(unit, options)
        put(result, results["units"])
        print(page.unit_text(result), flush=True)
        # Written after every unit, so that nothing is lost when it is stopped.
        options.output.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(results, indent=1))
    whole = is_whole(results)
    # A part does not take the place of a whole table.
    if whole or not path.exists() or not is_whole(json.loads(path.read_text())):
        unfinished.rename(path)
    docs = options.docs if whole else options.output
    page.write(results, docs, suffix)
    print(f"{docs}/BENCHMARKS{suffix}.md")


if __name__ == "__main__":
    main()
