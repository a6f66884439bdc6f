"""A network that somebody trained elsewhere, and her data: what Pipelines/onnx-import.yaml starts from.

    train.py FOLDER/Fixtures/digits

Trains a small residual network with squeeze-and-excitation on the images of Fixtures/digits (the last
500 are the test set there as here), and writes residual.onnx and digits.npz (with the array names of
Keras's data sets). Made with Python 3.11, torch 2.15.0, onnx 1.23.2, numpy 2.4.6.
"""

import gzip
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

TEST = 500


def idx(path, header):
    data = gzip.decompress(path.read_bytes())
    return np.frombuffer(data, np.uint8, offset=header)


class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels // 4, 1),
                                    nn.ReLU(), nn.Conv2d(channels // 4, channels, 1), nn.Sigmoid())

    def forward(self, x):
        return x * self.layers(x)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), Gate(outputs))
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def network():
    return nn.Sequential(nn.Conv2d(1, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
                         Block(16, 16, 1), Block(16, 32, 2), Block(32, 32, 1),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    digits = Path(sys.argv[1])
    images = idx(digits / "digits-images-idx3-ubyte.gz", 16).reshape(-1, 8, 8)
    labels = idx(digits / "digits-labels-idx1-ubyte.gz", 8)
    assert len(images) == len(labels) == 1797
    # Bytes of 0...255, as most images have them; there they are 0...16.
    images = np.rint(images * (255 / 16)).astype(np.uint8)
    here = Path(__file__).parent
    np.savez_compressed(here / "digits.npz", x_train=images[:-TEST], y_train=labels[:-TEST],
                        x_test=images[-TEST:], y_test=labels[-TEST:])
    x = torch.tensor(images[:, None].astype(np.float32)) / 255
    y = torch.tensor(labels.astype(np.int64))
    model = network()
    epochs, batch = 25, 64
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=5e-4)
    steps = epochs * ((len(x) - TEST + batch - 1) // batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(epochs):
        for part in torch.randperm(len(x) - TEST).split(batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[part]), y[part]).backward()
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        right = (model(x[-TEST:]).argmax(1) == y[-TEST:]).float().mean().item()
    print(f"test accuracy {100 * right:.2f} %, {sum(p.numel() for p in model.parameters())} parameters")
    torch.onnx.export(model, (x[:1],), here / "residual.onnx", opset_version=17, dynamo=False,
                      input_names=["images"], output_names=["logits"],
                      dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}})


if __name__ == "__main__":
    main()
