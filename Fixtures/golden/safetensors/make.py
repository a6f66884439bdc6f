"""Writes small.safetensors and floats.safetensors with the format's own Python package.

    python3 -m venv env && env/bin/pip install safetensors==0.8.0 numpy==2.4.6
    env/bin/python make.py

The committed files were made with safetensors 0.8.0, numpy 2.4.6 and Python 3.11.7.
"""

import pathlib

import numpy
from safetensors import TensorSpec, serialize_file
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

# Floats of other widths, and beside each what NumPy makes of it in 32 bits.
bits = numpy.arange(0, 1 << 16, 11, dtype=numpy.uint16)
halves = bits.view(numpy.float16)
doubles = numpy.array([0.1, -1e300, 1e-50, 2**-149 * 1.5, 16777217, -0.0, numpy.inf])
with numpy.errstate(over="ignore"):
    arrays = {
        "F16": ("float16", halves), "F16 in F32": ("float32", halves.astype(numpy.float32)),
        "BF16": ("bfloat16", bits),
        "BF16 in F32": ("float32", (bits.astype(numpy.uint32) << 16).view(numpy.float32)),
        "F64": ("float64", doubles), "F64 in F32": ("float32", doubles.astype(numpy.float32)),
    }
serialize_file(
    {name: TensorSpec(dtype=kind, shape=array.shape, data_ptr=array.ctypes.data, data_len=array.nbytes)
     for name, (kind, array) in arrays.items()},
    pathlib.Path(__file__).with_name("floats.safetensors"))
