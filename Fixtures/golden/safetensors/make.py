"""Writes small.safetensors with the format's own Python package.

    python3 -m venv env && env/bin/pip install safetensors==0.8.0 numpy==2.4.6
    env/bin/python make.py

The committed file was made with safetensors 0.8.0, numpy 2.4.6 and Python 3.11.7.
"""

import pathlib

import numpy
from safetensors.numpy import save_file

tensors = {
    "conv.weight": numpy.arange(12, dtype=numpy.float32).reshape(2, 3, 2) / 8 - 0.5,
    "edge \"cases\" ä": numpy.array([0.0, -0.0, 1e-45, 3.4028235e38, numpy.inf], numpy.float32),
    "empty": numpy.zeros((0, 3), numpy.float32),
    "scalar": numpy.array(0.25, numpy.float32),
    "mask": numpy.array([[1, 0, 255], [7, 128, 2], [0, 0, 9]], numpy.uint8),
}
metadata = {"graph": "{\"nodes\": [1, 2],\n\t\"name\": \"é\\u0001\"}\u0001\u007f"}
save_file(tensors, pathlib.Path(__file__).with_name("small.safetensors"), metadata)
