"""Classifies the images of an IDX file with a .shrink file and prints one class a line.

    SHRINK_ENGINE=build/lib/libshrink_engine.so python3 classify.py digits.shrink digits-images-idx3-ubyte.gz
"""

import gzip
import sys

import numpy as np

from shrink_engine import Model


def main():
    path, images = sys.argv[1:]
    with gzip.open(images) as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16)
    with Model(path, threads=2) as model:
        logits = model.run(pixels.reshape(-1, *model.shape))
        for index in logits.argmax(axis=1):
            print(model.class_names[index] if model.class_names else index)


if __name__ == "__main__":
    main()
