"""Writes half_golden.json: what NumPy's float16 makes of binary32 numbers, both as bits.

    python3 half_golden.py > half_golden.json
"""

import json

import numpy as np

np.seterr(over="ignore")
half = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
steps = np.random.default_rng(1).choice(len(half) - 1, 60, replace=False)
edges = np.concatenate([[0, 1, 2, 3, 1022, 1023, 1024, 1025, len(half) - 2], steps])
low, high = half[edges], half[edges + 1]
ties = (low + high) / 2  # exact in binary32
beyond = np.float32([65504, 65519, 65519.996, 65520, 65536, 1e30, 3.4e38, np.inf])
tiny = np.float32([2**-24, 2**-25, np.nextafter(np.float32(2**-25), np.float32(1)), 2**-26, 1e-40, 1e-45])
random = np.random.default_rng(2).normal(0, 0.05, 60).astype(np.float32)
magnitudes = np.concatenate(
    [low, high, ties, np.nextafter(ties, low), np.nextafter(ties, high), beyond, tiny, np.abs(random)]
).astype(np.float32)
values = np.concatenate([magnitudes, -magnitudes])
pairs = zip(values.view(np.uint32), values.astype(np.float16).view(np.uint16))
print(json.dumps({"numpy": np.__version__, "pairs": [[int(a), int(b)] for a, b in pairs]}))
