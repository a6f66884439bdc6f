"""Writes what PyTorch says about the built-in architectures.

    pip install torch==2.15.0 torchvision==0.29.2 timm==1.0.31 safetensors && python state_dicts.py

* `shapes.json`: names and shapes of the state_dict of every architecture, at its published size.
* `<architecture>.safetensors`: the state_dict of a narrow one with random values, as
  `safetensors.torch.save_file` writes it.
* `runs.safetensors`: an input, and the logits of each narrow one in evaluation.

The versions that made the files stand in `shapes.json`. Torchvision has no ResNets for CIFAR;
theirs is below (He et al. 2016, section 4.2, shortcuts of option B).
"""
import json
import pathlib

import timm
import torch
import torchvision
from safetensors.torch import save_file
from timm.models.efficientnet import _gen_mixnet_s
from torch import nn
from torchvision import models
from torchvision.models.efficientnet import EfficientNet, _efficientnet_conf
from torchvision.models.resnet import BasicBlock, conv1x1
from torchvision.models.shufflenetv2 import ShuffleNetV2

FOLDER = pathlib.Path(__file__).parent


class CIFARResNet(nn.Module):
    def __init__(self, blocks, channels=16, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        inputs = channels
        for stage in range(3):
            layers = []
            for block in range(blocks):
                outputs, stride = channels << stage, 2 if stage and not block else 1
                shortcut = None
                if stride > 1:
                    shortcut = nn.Sequential(
                        conv1x1(inputs, outputs, stride), nn.BatchNorm2d(outputs))
                layers.append(BasicBlock(inputs, outputs, stride, shortcut))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def efficientnet(width, classes):
    settings, last = _efficientnet_conf("efficientnet_b0", width_mult=width, depth_mult=1.0)
    return EfficientNet(settings, dropout=0.2, last_channel=last, num_classes=classes)


PUBLISHED = {
    "resnet-20": lambda: CIFARResNet(3),
    "resnet-56": lambda: CIFARResNet(9),
    "resnet-18": models.resnet18,
    "resnet-34": models.resnet34,
    "resnet-50": models.resnet50,
    "alexnet": models.alexnet,
    "vgg-16": models.vgg16,
    "mobilenet-v2": models.mobilenet_v2,
    "shufflenet-v2": models.shufflenet_v2_x1_0,
    "efficientnet-b0": models.efficientnet_b0,
    "mixnet-s": lambda: timm.create_model("mixnet_s"),
}

# Width and model; the widths of `ShuffleNetV2` are ours, since the paper has none so narrow.
NARROW = {
    "resnet-20": (0.25, lambda: CIFARResNet(3, channels=4)),
    "mobilenet-v2": (0.1, lambda: models.mobilenet_v2(width_mult=0.1, num_classes=10)),
    "shufflenet-v2": (0.2, lambda: ShuffleNetV2([4, 8, 4], [24, 24, 48, 96, 1024], num_classes=10)),
    "efficientnet-b0": (0.1, lambda: efficientnet(0.1, 10)),
    "mixnet-s": (0.1, lambda: _gen_mixnet_s("mixnet_s", channel_multiplier=0.1, num_classes=10)),
}


def randomize(model, generator):
    """Values that let every part count: no γ of 1, no mean of 0, signals of about one size."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.2, generator=generator)
            nn.init.uniform_(module.running_var, 0.5, 1.5, generator=generator)
            nn.init.uniform_(module.weight, 0.8, 1.2, generator=generator)
            nn.init.normal_(module.bias, 0, 0.2, generator=generator)
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.normal_(module.bias, 0, 0.2, generator=generator)


def main():
    torch.set_num_threads(1)
    with torch.device("meta"):
        published = {name: make() for name, make in PUBLISHED.items()}
    shapes = {
        "versions": {
            "torch": torch.__version__, "torchvision": torchvision.__version__,
            "timm": timm.__version__},
        "architectures": {
            name: {
                "parameters": sum(p.numel() for p in model.parameters()),
                "shapes": {
                    key: list(value.shape) for key, value in model.state_dict().items()
                    if not key.endswith("num_batches_tracked")}}
            for name, model in published.items()},
    }
    text = json.dumps(shapes, separators=(",", ":")).replace('},"', '},\n"')
    (FOLDER / "shapes.json").write_text(text + "\n")

    generator = torch.Generator().manual_seed(1)
    runs = {"input": torch.randn(2, 3, 64, 64, generator=generator)}
    for name, (width, make) in NARROW.items():
        model = make().eval()
        randomize(model, generator)
        with torch.no_grad():
            runs[f"{name}.logits"] = model(runs["input"])
        print(name, width, runs[f"{name}.logits"].std().item())
        save_file(model.state_dict(), FOLDER / f"{name}.safetensors")
    save_file(runs, FOLDER / "runs.safetensors")


main()
