"""Writes the ONNX files of this folder, and what ONNX Runtime computes with them.

    pip install torch==2.15.0 torchvision==0.29.2 timm==1.0.31 onnx==1.23.2 onnxscript==0.7.2 \
        onnxruntime==1.31.1 safetensors==0.8.0
    python make.py [family ...]

Every model is a classifier of torchvision or timm, or one in the same module structure, at a small
width and with ten classes. Batch norms have statistics of their own, so that folding one wrongly shows.
`inputs.safetensors` has two images a shape, as bytes b that stand for (b - 128) / 64, in NCHW;
`outputs.safetensors` has the outputs under the names of the files. Names say which exporter made
a file (`ts`: TorchScript, `dynamo`), the opset, and `bn` if batch norms are not folded.
"""

import copy
import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
import torchvision
from safetensors.numpy import load_file, save_file
from timm.models import efficientnet as timm_efficientnet
from torch import nn
from torch.nn import functional as F
from torchvision.models import efficientnet, mobilenetv2, resnet, shufflenetv2
from torchvision.ops.misc import Conv2dNormActivation

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
folder = pathlib.Path(__file__).parent
CLASSES = 10


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 5), nn.Conv2d(4, 8, 5)
        self.fc1, self.fc2 = nn.Linear(128, 32), nn.Linear(32, CLASSES)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.view(-1, 128))))


class DigitsCNN(nn.Module):
    """For the images of Fixtures/digits."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 6, 3, padding=1), nn.Linear(96, CLASSES)

    def forward(self, x):
        return self.fc(F.max_pool2d(F.relu(self.conv(x)), 2).flatten(1))


class AlexNet(nn.Module):
    def __init__(self):
        super().__init__()
        relu = lambda: nn.ReLU(inplace=True)
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 11, 4, 2), relu(), nn.MaxPool2d(3, 2),
            nn.Conv2d(8, 12, 5, padding=2), relu(), nn.MaxPool2d(3, 2),
            nn.Conv2d(12, 16, 3, padding=1), relu(), nn.Conv2d(16, 12, 3, padding=1), relu(),
            nn.Conv2d(12, 12, 3, padding=1), relu(), nn.MaxPool2d(3, 2))
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(48, 32), relu(), nn.Dropout(), nn.Linear(32, 32), relu(),
            nn.Linear(32, CLASSES))

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def vgg16(batch_norm=False):
    from torchvision.models import vgg
    layout = [4, 4, "M", 8, 8, "M", 8, 8, 8, "M", 12, 12, 12, "M", 12, 12, 12, "M"]
    model = vgg.VGG(nn.Sequential(), num_classes=CLASSES, init_weights=False)
    model.features = vgg.make_layers(layout, batch_norm=batch_norm)
    model.avgpool = nn.AdaptiveAvgPool2d((2, 2))
    model.classifier = nn.Sequential(
        nn.Linear(48, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, 32), nn.ReLU(True),
        nn.Dropout(), nn.Linear(32, CLASSES))
    return model


class NarrowResNet(resnet.ResNet):
    """torchvision's, a small part as wide."""

    def __init__(self, block, layers, divisor):
        self.divisor = divisor
        super().__init__(block, layers)
        self.fc = nn.Linear(512 // divisor * block.expansion, CLASSES)

    def _make_layer(self, block, planes, *arguments, **options):
        if planes == 64:
            self.inplanes = 64 // self.divisor
            self.conv1 = nn.Conv2d(3, self.inplanes, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(self.inplanes)
        return super()._make_layer(block, planes // self.divisor, *arguments, **options)


class CIFARBlock(nn.Module):
    def __init__(self, channels, outputs, stride, option):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.pads = stride, None
        self.shortcut = nn.Sequential()
        if stride != 1 and option == "A":
            self.pads = (0, 0, 0, 0, (outputs - channels) // 2, (outputs - channels + 1) // 2)
        elif stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.pads:
            return F.relu(y + F.pad(x[:, :, :: self.stride, :: self.stride], self.pads))
        return F.relu(y + self.shortcut(x))


class CIFARResNet(nn.Module):
    """He et al. 2016, section 4.2, with both kinds of shortcuts in use."""

    def __init__(self, depth, width, option):
        super().__init__()
        count = (depth - 2) // 6
        self.conv1, self.bn1 = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        stages, channels = [], width
        for stage in range(3):
            blocks = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                blocks.append(CIFARBlock(channels, width << stage, stride, option))
                channels = width << stage
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3 = stages
        self.linear = nn.Linear(channels, CLASSES)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = F.avg_pool2d(x, x.size()[3])
        return self.linear(x.view(x.size(0), -1))


def mobilenet_v2():
    model = mobilenetv2.MobileNetV2(num_classes=CLASSES, width_mult=0.05, round_nearest=4)
    last = model.features[-1][0].in_channels
    model.features[-1] = Conv2dNormActivation(last, 32, kernel_size=1, activation_layer=nn.ReLU6)
    model.classifier = nn.Sequential(nn.Dropout(), nn.Linear(32, CLASSES))
    return model


def shufflenet_v2():
    return shufflenetv2.ShuffleNetV2([4, 8, 4], [8, 8, 16, 24, 32], num_classes=CLASSES)


def in_fours(channels, *_):
    return max(4, 4 * round(channels / 4))


def efficientnet_b0():
    divisible, efficientnet._make_divisible = efficientnet._make_divisible, in_fours
    try:
        settings, _ = efficientnet._efficientnet_conf(
            "efficientnet_b0", width_mult=0.05, depth_mult=1.0)
        return efficientnet.EfficientNet(settings, 0.2, num_classes=CLASSES, last_channel=32)
    finally:
        efficientnet._make_divisible = divisible


def timm_model(generate, **options):
    """With a head of 32 features in place of 1280 or 1536."""
    create, round_channels = timm_efficientnet._create_effnet, timm_efficientnet.round_channels
    narrow = lambda variant, pretrained, **k: create(variant, pretrained, **{**k, "num_features": 32})
    timm_efficientnet._create_effnet = narrow
    timm_efficientnet.round_channels = lambda channels, multiplier, **_: in_fours(channels * multiplier)
    try:
        return generate(num_classes=CLASSES, **options)
    finally:
        timm_efficientnet._create_effnet = create
        timm_efficientnet.round_channels = round_channels


def timm_efficientnet_b0():
    return timm_model(
        timm_efficientnet._gen_efficientnet, variant="efficientnet_b0", channel_multiplier=0.06)


def mixnet_s(variant="mixnet_s", **options):
    return timm_model(
        timm_efficientnet._gen_mixnet_s, variant=variant, channel_multiplier=0.05, **options)


def tf_mixnet_s():
    """Trained in TensorFlow: paddings that are longer behind the image than before it."""
    return mixnet_s("tf_mixnet_s", bn_eps=1e-3, pad_type="same")


class Idioms(nn.Module):
    """Ways to write operations that have no node of their own in older opsets."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, 2, (1, 2), dilation=(2, 1), bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.bn2 = nn.BatchNorm2d(8)
        self.gate = nn.Conv2d(8, 8, 1)
        self.conv3 = nn.Conv2d(8, 12, (1, 3))
        self.slope = nn.LeakyReLU(0.1)
        self.conv4 = nn.Conv2d(12, 12, 1)
        self.fc = nn.Linear(24, CLASSES)

    def forward(self, x):
        x = self.bn1(self.conv1(x))
        x = x * F.relu6(x + 3) / 6
        y = self.bn2(self.conv2(x))
        y = y * (F.relu6(y + 3.0) / 6.0)
        n, c, h, w = y.shape
        y = y.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)
        s = F.hardsigmoid(self.gate(y.mean([2, 3], keepdim=True)))
        y = F.hardswish(y * s + x)
        y = self.slope(self.conv3(F.pad(y, (0, 1, 1, 2))))
        a, b = y.chunk(2, dim=1)
        y = torch.cat((b, a), dim=1)
        y = F.avg_pool2d(torch.sigmoid(self.conv4(y)), (2, 3), stride=2, padding=(0, 1))
        y = torch.cat((y.mean((2, 3)), F.adaptive_max_pool2d(y, 1).flatten(1)), 1)
        return torch.clamp(self.fc(y), -1.5, 1.5)


def settle(model, x):
    """Batch norms follow what they see, then take values of their own around it."""
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            module.reset_running_stats()
            nn.init.uniform_(module.weight, 0.6, 1.2)
            nn.init.normal_(module.bias, std=0.2)
    model.train()
    with torch.no_grad():
        model(torch.cat([x] * 4) + 0.3 * torch.randn(4 * len(x), *x.shape[1:]))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.1
            module.running_mean += 0.1 * torch.randn_like(module.running_mean)
            module.running_var *= torch.empty_like(module.running_var).uniform_(0.7, 1.4)
    return model.eval()


def export(model, name, x):
    """`name` is family-exporter-opset[-options]."""
    words = name.split("-")
    exporter, opset, options = words[1], int(words[2]), words[3:]
    path = folder / f"{name}.onnx"
    unfolded, fixed = "bn" in options, "fixed" in options
    common = dict(input_names=["input"], output_names=["output"], opset_version=opset)
    model = copy.deepcopy(model)
    if exporter == "ts":
        preserve = torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(
            model, x, path, dynamo=False, **common,
            dynamic_axes=None if fixed else {"input": {0: "batch"}, "output": {0: "batch"}},
            **(dict(training=preserve, do_constant_folding=False) if unfolded else {}))
    else:
        shapes = None if fixed else ({0: torch.export.Dim("batch")},)
        program = torch.onnx.export(
            model, (x,), dynamo=True, **common, dynamic_shapes=shapes, optimize=not unfolded,
            verbose=False)
        program.save(path, external_data=False)
    made = onnx.load(path)
    for node in made.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    for value in list(made.graph.value_info) + list(made.graph.input) + list(made.graph.output):
        value.ClearField("metadata_props")
    made.graph.ClearField("metadata_props")
    made.ClearField("metadata_props")
    if "values" not in options:
        del made.graph.value_info[:]
    path.unlink()
    pathlib.Path(f"{path}.data").unlink(missing_ok=True)
    if "external" in options:
        onnx.save(
            made, path, save_as_external_data=True, location=f"{name}.weights", size_threshold=256)
    else:
        onnx.save(made, path)
    return path


families = {
    "lenet5": (LeNet5, (1, 28, 28), ["ts-13", "dynamo-18"]),
    "alexnet": (AlexNet, (3, 96, 96), ["ts-17", "dynamo-18"]),
    "vgg16": (vgg16, (3, 64, 64), ["ts-13-fixed", "dynamo-20"]),
    "vgg16bn": (lambda: vgg16(True), (3, 64, 64), ["ts-17-bn"]),
    "resnet18": (
        lambda: NarrowResNet(resnet.BasicBlock, [2, 2, 2, 2], 32), (3, 64, 64),
        ["ts-13", "dynamo-18", "dynamo-18-bn-fixed"]),
    "resnet34": (
        lambda: NarrowResNet(resnet.BasicBlock, [3, 4, 6, 3], 32), (3, 64, 64), ["ts-17"]),
    "resnet50": (
        lambda: NarrowResNet(resnet.Bottleneck, [3, 4, 6, 3], 32), (3, 64, 64),
        ["ts-13-bn-external", "dynamo-18"]),
    "resnet20": (
        lambda: CIFARResNet(20, 3, "A"), (3, 32, 32), ["ts-13-bn", "ts-17", "dynamo-18"]),
    "resnet56": (lambda: CIFARResNet(56, 2, "B"), (3, 32, 32), ["ts-17", "dynamo-18-bn"]),
    "mobilenetv2": (mobilenet_v2, (3, 64, 64), ["ts-13", "dynamo-18"]),
    "shufflenetv2": (
        shufflenet_v2, (3, 64, 64), ["ts-13", "ts-17-bn-fixed", "dynamo-18", "dynamo-18-bn"]),
    "efficientnetb0": (efficientnet_b0, (3, 64, 64), ["ts-13-bn", "dynamo-18"]),
    "efficientnetb0timm": (timm_efficientnet_b0, (3, 64, 64), ["ts-17", "dynamo-18"]),
    "mixnets": (mixnet_s, (3, 64, 64), ["ts-13", "dynamo-18"]),
    "mixnetstf": (tf_mixnet_s, (3, 64, 64), ["ts-17-bn", "dynamo-18"]),
    "idioms": (Idioms, (3, 32, 32), ["ts-13", "ts-17-bn-values", "dynamo-18", "dynamo-21-bn"]),
    "digits": (DigitsCNN, (1, 8, 8), ["ts-17", "dynamo-18"]),
}

if __name__ == "__main__":
    rng = np.random.default_rng(20260101)
    chosen = sys.argv[1:] or list(families)
    inputs, outputs = {}, {}
    if len(chosen) < len(families):
        outputs = load_file(folder / "outputs.safetensors")
    for index, (family, (make, shape, variants)) in enumerate(families.items()):
        key = "x".join(map(str, shape))
        if key not in inputs:
            inputs[key] = rng.integers(64, 193, (2, *shape), dtype=np.uint8)
        if family not in chosen:
            continue
        x = ((inputs[key].astype(np.float32)) - 128) / 64
        torch.manual_seed(index)
        model = settle(make(), torch.from_numpy(x))
        with torch.no_grad():
            expected = model(torch.from_numpy(x)).numpy()
        for variant in variants:
            name = f"{family}-{variant}"
            path = export(model, name, torch.from_numpy(x[:1] if "fixed" in name else x))
            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            run = lambda x: session.run(None, {"input": x})[0]
            y = np.concatenate([run(x[:1]), run(x[1:])]) if "fixed" in name else run(x)
            outputs[name] = y
            operations = sorted({node.op_type for node in onnx.load(path, load_external_data=False).graph.node})
            print(
                name, path.stat().st_size, f"{np.abs(y - expected).max() / np.abs(y).max():.1e}",
                f"{y.std():.2f}", *operations, flush=True)
    save_file(inputs, folder / "inputs.safetensors")
    save_file(outputs, folder / "outputs.safetensors")
