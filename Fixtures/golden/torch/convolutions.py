"""Writes convolutions.safetensors: what PyTorch computes for convolutions with groups, strides, dilation
and padding, and for batch normalization in training with the activation function behind it.

    pip install torch==2.15.0 safetensors==0.8.0 numpy && python convolutions.py

Each case holds "<case>.x", "<case>.y", a gradient "<case>.dy" of y, and the gradients "<case>.dx",
"<case>.dweight" and "<case>.dbias" that PyTorch makes of it. Computed in float64 from inputs that a
float holds exactly, stored as float32. Images are stored NHWC, kernels [height, width, channels /
groups, outputs]. "<case>.window" is kernel, stride, padding, dilation and twice the groups as bytes
[5, 2]; batch normalization has "<case>.mean" and "<case>.variance", its running statistics behind the
step from 0 and 1.
"""

import pathlib
import platform

import safetensors
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

torch.manual_seed(20260103)
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
tensors = {}


def random(*shape):
    return torch.randn(*shape).float().double()


def image(t):
    return t.detach().permute(0, 2, 3, 1).float().contiguous()


def kernel(t):
    return t.detach().permute(2, 3, 1, 0).float().contiguous()


# batch, height, width, channels, outputs, kernel, stride, padding, dilation, groups
convolutions = {
    "plain": (2, 6, 7, 3, 16, [3, 3], [1, 1], [1, 1], [1, 1], 1),
    "wide": (1, 5, 26, 16, 33, [3, 3], [1, 1], [1, 1], [1, 1], 1),
    "strided": (2, 9, 8, 16, 32, [3, 3], [2, 2], [1, 1], [1, 1], 1),
    "dilated": (2, 9, 8, 4, 5, [3, 3], [1, 1], [2, 2], [2, 2], 1),
    "pointwise": (3, 5, 7, 24, 9, [1, 1], [1, 1], [0, 0], [1, 1], 1),
    "shortcut": (2, 6, 6, 8, 20, [1, 1], [2, 2], [0, 0], [1, 1], 1),
    "grouped": (2, 6, 5, 12, 18, [3, 3], [1, 1], [1, 1], [1, 1], 3),
    "grouped strided": (2, 7, 6, 8, 32, [3, 5], [2, 1], [1, 2], [1, 1], 2),
    "depthwise": (2, 7, 9, 17, 17, [3, 3], [1, 1], [1, 1], [1, 1], 17),
    "depthwise strided": (2, 9, 8, 24, 24, [5, 5], [2, 2], [2, 2], [1, 1], 24),
    "depthwise dilated": (1, 9, 9, 5, 5, [3, 3], [1, 2], [2, 1], [2, 1], 5),
    "multiplied": (2, 5, 6, 4, 8, [3, 3], [1, 1], [1, 1], [1, 1], 4),
}
for name, (n, h, w, c, o, size, stride, padding, dilation, groups) in convolutions.items():
    x, weight, bias = random(n, c, h, w), random(o, c // groups, *size), random(o)
    for t in (x, weight, bias):
        t.requires_grad_()
    y = F.conv2d(x, weight, bias, stride, padding, dilation, groups)
    dy = random(*y.shape)
    y.backward(dy)
    for key, t in {"x": x, "dx": x.grad, "y": y, "dy": dy}.items():
        tensors[f"{name}.{key}"] = image(t)
    for key, t in {"weight": weight, "dweight": weight.grad}.items():
        tensors[f"{name}.{key}"] = kernel(t)
    for key, t in {"bias": bias, "dbias": bias.grad}.items():
        tensors[f"{name}.{key}"] = t.detach().float()
    tensors[f"{name}.window"] = torch.tensor(
        [size, stride, padding, dilation, [groups, groups]], dtype=torch.uint8)

functions = {
    "identity": lambda x: x, "relu": F.relu, "relu6": F.relu6, "silu": F.silu,
    "hardswish": F.hardswish, "sigmoid": torch.sigmoid,
}
for name, f in functions.items():
    channels = 5 if name == "identity" else 19
    x, weight, bias = random(4, channels, 3, 5) * 2 + 1, random(channels) * 2, random(channels)
    x = x.float().double()
    weight, bias = weight.float().double(), bias.float().double()
    mean, variance = torch.zeros(channels), torch.ones(channels)
    for t in (x, weight, bias):
        t.requires_grad_()
    y = f(F.batch_norm(x, mean, variance, weight, bias, training=True, momentum=0.1, eps=1e-5))
    dy = random(*y.shape)
    y.backward(dy)
    for key, t in {"x": x, "dx": x.grad, "y": y, "dy": dy}.items():
        tensors[f"norm {name}.{key}"] = image(t)
    for key, t in {"weight": weight, "dweight": weight.grad, "bias": bias, "dbias": bias.grad,
                   "mean": mean, "variance": variance}.items():
        tensors[f"norm {name}.{key}"] = t.detach().float()

metadata = {
    "made by": f"convolutions.py, torch {torch.__version__}, safetensors {safetensors.__version__}, "
    f"Python {platform.python_version()}"
}
save_file(tensors, pathlib.Path(__file__).with_name("convolutions.safetensors"), metadata)
