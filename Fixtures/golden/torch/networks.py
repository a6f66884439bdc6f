"""Writes networks.json: what PyTorch computes for tiny networks, losses and optimizer steps.

    pip install torch==2.13.0+cpu && python networks.py

All numbers are float64 and in PyTorch's layouts (NCHW; weights [outputs, inputs, ...]), written as
{"shape": [...], "values": [...]} with 9 digits, enough to tell any two floats apart.
"""

import json
import pathlib
import platform

import torch
from torch.nn import functional as F

torch.manual_seed(20260101)
torch.set_default_dtype(torch.float64)


def random(*shape):
    """Values that a float holds exactly, so that both sides start from the same."""
    return torch.randn(*shape).float().double()


def tensor(t):
    return {"shape": list(t.shape), "values": [float(f"{v:.9g}") for v in t.detach().flatten().tolist()]}


def convolution(height, width, channels, outputs, kernel, stride, padding):
    x = random(2, channels, height, width).requires_grad_()
    w = random(outputs, channels, *kernel).requires_grad_()
    b = random(outputs).requires_grad_()
    y = F.conv2d(x, w, b, stride=stride, padding=padding)
    dy = random(*y.shape)
    y.backward(dy)
    return {
        "kernel": kernel, "stride": stride, "padding": padding,
        "x": tensor(x), "weight": tensor(w), "bias": tensor(b), "y": tensor(y), "dy": tensor(dy),
        "dx": tensor(x.grad), "dweight": tensor(w.grad), "dbias": tensor(b.grad),
    }


def pooling(height, width, channels, kernel, stride):
    x = random(2, channels, height, width).requires_grad_()
    y = F.max_pool2d(x, kernel, stride)
    dy = random(*y.shape)
    y.backward(dy)
    return {
        "kernel": kernel, "stride": stride,
        "x": tensor(x), "y": tensor(y), "dy": tensor(dy), "dx": tensor(x.grad),
    }


def network():
    """convolution, pooling, ReLU, flatten, linear, ReLU, linear, cross-entropy."""
    shapes = {
        "conv1.weight": (4, 2, 3, 3), "conv1.bias": (4,), "fc1.weight": (6, 36), "fc1.bias": (6,),
        "fc2.weight": (3, 6), "fc2.bias": (3,),
    }
    p = {name: random(*shape).mul(0.5).requires_grad_() for name, shape in shapes.items()}
    x, labels = random(5, 2, 6, 6), [0, 2, 1, 1, 0]
    h = F.conv2d(x, p["conv1.weight"], p["conv1.bias"], padding=1)
    h = F.relu(F.max_pool2d(h, 2)).flatten(1)
    h = F.relu(F.linear(h, p["fc1.weight"], p["fc1.bias"]))
    logits = F.linear(h, p["fc2.weight"], p["fc2.bias"])
    loss = F.cross_entropy(logits, torch.tensor(labels))
    loss.backward()
    return {
        "x": tensor(x), "labels": labels, "logits": tensor(logits), "loss": loss.item(),
        "parameters": {name: tensor(t) for name, t in p.items()},
        "gradients": {name: tensor(t.grad) for name, t in p.items()},
    }


def losses():
    cases = []
    for smoothing, weight, temperature in [(0, 0, 1), (0.1, 0, 1), (0, 0.7, 4), (0.2, 1.5, 2)]:
        z, teacher, labels = random(4, 5).mul(3).requires_grad_(), random(4, 5).mul(2), [4, 0, 2, 2]
        loss = F.cross_entropy(z, torch.tensor(labels), label_smoothing=smoothing)
        t = temperature
        loss = loss + weight * t * t * F.kl_div(
            F.log_softmax(z / t, 1), F.log_softmax(teacher / t, 1), reduction="batchmean",
            log_target=True)
        loss.backward()
        cases.append({
            "smoothing": smoothing, "weight": weight, "temperature": temperature, "labels": labels,
            "logits": tensor(z), "teacher": tensor(teacher), "loss": loss.item(),
            "gradient": tensor(z.grad),
        })
    return cases


def steps(make, **settings):
    """A variable after each of five steps with given gradients."""
    w = random(7).requires_grad_()
    start, gradients, values = w.detach().clone(), [], []
    optimizer = make([w], **settings)
    for _ in range(5):
        w.grad = random(7)
        gradients.append(tensor(w.grad))
        optimizer.step()
        values.append(tensor(w))
    return {**settings, "start": tensor(start), "gradients": gradients, "values": values}


golden = {
    "made by": f"networks.py, torch {torch.__version__}, Python {platform.python_version()}",
    "convolutions": [
        convolution(5, 6, 2, 3, [3, 3], [1, 1], [1, 1]),
        convolution(7, 6, 3, 5, [5, 3], [2, 1], [2, 0]),
        convolution(6, 6, 1, 9, [1, 1], [2, 2], [0, 0]),
        convolution(7, 7, 2, 4, [3, 3], [3, 3], [2, 2]),
    ],
    "poolings": [pooling(6, 7, 3, [2, 2], [2, 2]), pooling(5, 6, 2, [3, 2], [1, 2])],
    "network": network(),
    "losses": losses(),
    "sgd": [
        steps(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=nesterov, weight_decay=decay)
        for nesterov in (False, True) for decay in (0, 0.01)
    ],
    "adamw": [
        steps(torch.optim.AdamW, lr=0.01, betas=[0.9, 0.999], eps=1e-8, weight_decay=decay)
        for decay in (0, 0.1)
    ],
}
path = pathlib.Path(__file__).with_name("networks.json")
path.write_text(json.dumps(golden, separators=(",", ":")).replace('},"', '},\n"') + "\n")
