"""Images a second of full training steps, this project's against PyTorch's, interleaved in one run.

    training.py BENCHMARK [--rounds 5] [--seconds 3] [--threads 2] [--batch 128] [--networks NAME ...]

BENCHMARK is the program TrainingBenchmark. PyTorch runs in four processes: NCHW and channels_last, with
malloc as installed and tuned to keep its memory (MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_). All
processes are started first; then they take turns of some seconds each, so that a busy machine slows
all of them alike. The figure of a process is its median over the rounds, its ratio that of ours to the
better of the two layouts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

NETWORKS = {"resnet-20": (1.3, 1.1), "mobilenet-v2": (4.0, 1.1), "lenet-5": (1.3, 1.0),
            "lenet-300-100": (1.5, 1.5)}
TUNED = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "2147483648"}


def models():
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.relu = nn.ReLU(inplace=True)
            self.shortcut = None
            if stride != 1 or inputs != outputs:
                self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                              nn.BatchNorm2d(outputs))

        def forward(self, x):
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.bn2(self.conv2(y))
            return self.relu(y + (self.shortcut(x) if self.shortcut else x))

    def resnet20():
        layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(inplace=True)]
        channels = 16
        for stage in range(3):
            for block in range(3):
                outputs = 16 << stage
                layers.append(Block(channels, outputs, 2 if stage and not block else 1))
                channels = outputs
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))

    def rounded(channels):
        result = max(8, int(channels + 4) // 8 * 8)
        return result + 8 if result < 0.9 * channels else result

    class Inverted(nn.Module):
        def __init__(self, inputs, outputs, stride, expansion):
            super().__init__()
            hidden = inputs * expansion
            layers = []
            if expansion > 1:
                layers += [nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden),
                           nn.SiLU(inplace=True)]
            layers += [nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
                       nn.BatchNorm2d(hidden), nn.SiLU(inplace=True),
                       nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
            self.layers = nn.Sequential(*layers)
            self.adds = stride == 1 and inputs == outputs

        def forward(self, x):
            return x + self.layers(x) if self.adds else self.layers(x)

    def mobilenet(width=0.5):
        stages = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                  (6, 160, 3, 2), (6, 320, 1, 1)]
        channels = rounded(32 * width)
        layers = [nn.Conv2d(3, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels),
                  nn.SiLU(inplace=True)]
        for expansion, outputs, blocks, stride in stages:
            for block in range(blocks):
                layers.append(Inverted(channels, rounded(outputs * width), 1 if block else stride,
                                       expansion))
                channels = rounded(outputs * width)
        layers += [nn.Conv2d(channels, 1280, 1, bias=False), nn.BatchNorm2d(1280),
                   nn.SiLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                   nn.Linear(1280, 10)]
        return nn.Sequential(*layers)

    def lenet5():
        return nn.Sequential(nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.ReLU(inplace=True),
                             nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.ReLU(inplace=True),
                             nn.Flatten(), nn.Linear(800, 500), nn.ReLU(inplace=True),
                             nn.Linear(500, 10))

    def lenet300():
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 300), nn.ReLU(inplace=True),
                             nn.Linear(300, 100), nn.ReLU(inplace=True), nn.Linear(100, 10))

    return {"resnet-20": (resnet20, (3, 32, 32)), "mobilenet-v2": (mobilenet, (3, 32, 32)),
            "lenet-5": (lenet5, (1, 28, 28)), "lenet-300-100": (lenet300, (1, 28, 28))}


def serve(name, layout, batch, threads):
    """Answers lines of seconds by images a second, as TrainingBenchmark does."""
    import time

    import torch
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    make, shape = models()[name]
    model = make().train()
    images = torch.randn(batch, *shape)
    if layout == "channels_last":
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    labels = torch.arange(batch) % 10
    loss = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=5e-4)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(model(images), labels).backward()
        optimizer.step()

    for _ in range(2):
        step()
    for line in sys.stdin:
        begin = time.perf_counter()
        steps = 0
        while time.perf_counter() - begin < float(line):
            step()
            steps += 1
        print(steps * batch / (time.perf_counter() - begin), flush=True)


class Contestant:
    def __init__(self, name, command, environment=None):
        self.name = name
        self.figures = []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env={**os.environ, **(environment or {})})

    def turn(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.name} stopped with code {self.process.wait()}")
        return float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    @property
    def median(self):
        return statistics.median(self.figures)


def compare(options, name):
    ours = [options.benchmark, name, "--batch", str(options.batch), "--threads", str(options.threads)]
    contestants = [Contestant("shrink", ours), Contestant("shrink W4A4", [*ours, "--quantized"])]
    for tuned in (False, True):
        for layout in ("nchw", "channels_last"):
            contestants.append(Contestant(
                f"torch {layout}{' tuned' if tuned else ''}",
                [sys.executable, __file__, options.benchmark, "--serve", name, layout, "--batch",
                 str(options.batch), "--threads", str(options.threads)], TUNED if tuned else {}))
    for contestant in contestants:
        contestant.turn(0.5)
    for _ in range(options.rounds):
        for contestant in contestants:
            contestant.figures.append(contestant.turn(options.seconds))
    for contestant in contestants:
        contestant.close()
    figures = {contestant.name: contestant.median for contestant in contestants}
    best = max(figures["torch nchw"], figures["torch channels_last"])
    tuned = max(figures["torch nchw tuned"], figures["torch channels_last tuned"])
    return {"network": name, "images_per_second": figures,
            "ratio": figures["shrink"] / best, "ratio_tuned": figures["shrink"] / tuned,
            "quantized_step": figures["shrink"] / figures["shrink W4A4"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("benchmark")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--json", help="where to write the figures")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(*options.serve, options.batch, options.threads)

    import torch
    print(f"PyTorch {torch.__version__}, batch {options.batch}, {options.threads} threads, "
          f"median of {options.rounds} turns of {options.seconds:g} s; images a second\n")
    head = ["network", "shrink", "torch", "ratio", "aim", "torch tuned", "ratio", "aim",
            "W4A4 step / float"]
    print("  ".join(f"{word:>17}" if index else f"{word:<14}" for index, word in enumerate(head)))
    results = []
    for name in options.networks:
        result = compare(options, name)
        results.append(result)
        figures = result["images_per_second"]
        best = max(figures["torch nchw"], figures["torch channels_last"])
        tuned = max(figures["torch nchw tuned"], figures["torch channels_last tuned"])
        cells = [f"{figures['shrink']:.0f}", f"{best:.0f}", f"{result['ratio']:.2f}",
                 f"{NETWORKS[name][0]:.1f}", f"{tuned:.0f}", f"{result['ratio_tuned']:.2f}",
                 f"{NETWORKS[name][1]:.1f}", f"{result['quantized_step']:.2f}"]
        print(f"{name:<14}  " + "  ".join(f"{cell:>17}" for cell in cells), flush=True)
    passes = Contestant("quantizer", [options.benchmark, "quantizer", "--threads",
                                      str(options.threads)])
    ratio = passes.turn(3)
    passes.close()
    print(f"\nfake quantization of 16 M floats, forward and backward: {ratio:.2f} times a copy and a "
          "sum over the same bytes")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"torch": torch.__version__, "results": results,
                       "fake_quantization_over_copy": ratio}, file, indent=1)


if __name__ == "__main__":
    main()
