"""Writes layers.safetensors: what PyTorch computes for pooling, softmax, gates and activation functions.

    pip install torch==2.15.0 safetensors==0.8.0 numpy && python layers.py

Each case holds "<case>.x", "<case>.y", a gradient "<case>.dy" of y and "<case>.dx", the gradient of x
that PyTorch makes of it; the product also "<case>.gate" and "<case>.dgate". Computed in float64 from
inputs that a float holds exactly, stored as float32. PyTorch computes on NCHW; the file holds images in
the layout of this package, NHWC. "<case>.window" is kernel, stride and padding as bytes [3, 2].
"""

import pathlib
import platform

import safetensors
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

torch.manual_seed(20260102)
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
tensors = {}


def random(*shape):
    return torch.randn(*shape).float().double()


def store(name, t):
    """Images from [n, c, h, w] to [n, h, w, c]."""
    t = t.detach()
    tensors[name] = (t.permute(0, 2, 3, 1) if t.dim() == 4 else t).float().contiguous()


def case(name, f, **inputs):
    for t in inputs.values():
        t.requires_grad_()
    y = f(*inputs.values())
    dy = random(*y.shape)
    y.backward(dy)
    store(f"{name}.y", y)
    store(f"{name}.dy", dy)
    for key, t in inputs.items():
        store(f"{name}.{key}", t)
        store(f"{name}.d{key}", t.grad)


windows = [
    ((5, 6, 3), [3, 3], [1, 1], [1, 1]),
    ((7, 6, 2), [3, 3], [2, 2], [1, 1]),
    ((6, 5, 17), [2, 4], [2, 1], [1, 2]),
    ((4, 4, 1), [2, 2], [2, 2], [0, 0]),
]
for index, ((height, width, channels), kernel, stride, padding) in enumerate(windows):
    for name, f in [
        ("max-pooling", lambda x: F.max_pool2d(x, kernel, stride, padding)),
        ("average-pooling",
         lambda x: F.avg_pool2d(x, kernel, stride, padding, count_include_pad=True)),
    ]:
        case(f"{name}.{index}", f, x=random(2, channels, height, width))
        tensors[f"{name}.{index}.window"] = torch.tensor(
            [kernel, stride, padding], dtype=torch.uint8)

case("softmax.features", lambda x: F.softmax(x, 1), x=random(4, 10).mul(3).float().double())
case("softmax.image", lambda x: F.softmax(x, 1), x=random(2, 5, 3, 2))
case("multiply.gate", lambda x, gate: x * gate, x=random(2, 7, 3, 4), gate=random(2, 7, 1, 1))
case("multiply.same", lambda x, gate: x * gate, x=random(2, 3, 2, 2), gate=random(2, 3, 2, 2))

# All kinks (0, 6 and +-3), both sides of each, and where exponentials run out.
points = torch.cat([
    torch.linspace(-9, 9, 145), torch.tensor([-0.0, -1000, -100, -20, 20, 100, 1000, 1e-8, -1e-8]),
]).float().double()
functions = {
    "relu": F.relu, "relu6": F.relu6, "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
    "sigmoid": torch.sigmoid, "hardsigmoid": F.hardsigmoid, "silu": F.silu, "hardswish": F.hardswish,
}
for name, f in functions.items():
    case(f"activation.{name}", f, x=points.clone().reshape(2, -1))

metadata = {
    "made by": f"layers.py, torch {torch.__version__}, safetensors {safetensors.__version__}, "
    f"Python {platform.python_version()}"
}
save_file(tensors, pathlib.Path(__file__).with_name("layers.safetensors"), metadata)
