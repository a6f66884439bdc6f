"""Writes arrays in NumPy's format, and data sets of them, for the tests of the reader.

Element i of an array is (7 i + 3) mod 256; a real one is that over 255, and labels are i mod 3.
Made with Python 3.11.7 and NumPy 2.4.6: python3 make.py
"""

import io
import pathlib
import zipfile

import numpy

folder = pathlib.Path(__file__).parent


def elements(*shape):
    return ((7 * numpy.arange(numpy.prod(shape, dtype=int)) + 3) % 256).reshape(shape)


def labels(count, dtype):
    return (numpy.arange(count) % 3).astype(dtype)


def write(name, array, version):
    with open(folder / name, "wb") as file:
        numpy.lib.format.write_array(file, array, version=version)


write("bytes-1.npy", elements(5, 2, 3).astype(numpy.uint8), (1, 0))
write("bytes-2.npy", elements(5, 2, 3).astype(numpy.uint8), (2, 0))
write("bytes-3.npy", elements(5, 2, 3).astype(numpy.uint8), (3, 0))
write("floats.npy", (elements(4, 2) / numpy.float32(255)).astype(numpy.float32), (1, 0))
write("int32.npy", elements(7).astype(numpy.int32) - 100, (1, 0))
write("int64.npy", elements(7).astype(numpy.int64) - 2**40, (1, 0))
write("scalar.npy", numpy.array(9, numpy.uint8), (1, 0))
write("nothing.npy", numpy.zeros((0, 4), numpy.uint8), (1, 0))
write("fortran.npy", numpy.asfortranarray(elements(2, 3).astype(numpy.uint8)), (1, 0))
write("doubles.npy", elements(2).astype(numpy.float64), (1, 0))
write("big-endian.npy", elements(2).astype(">i4"), (1, 0))
write("structure.npy", numpy.zeros(2, [("a", "u1"), ("b", "<f4")]), (1, 0))

channels_last = {
    "x_train": elements(6, 4, 5, 3).astype(numpy.uint8),
    "y_train": labels(6, numpy.int64).reshape(6, 1),
    "x_test": elements(3, 4, 5, 3).astype(numpy.uint8),
    "y_test": labels(3, numpy.int64).reshape(3, 1),
}
numpy.savez(folder / "stored.npz", **channels_last)
numpy.savez_compressed(folder / "deflated.npz", **channels_last)
numpy.savez_compressed(
    folder / "floats.npz",
    x_train=(elements(6, 3, 4, 5) / 255).astype(numpy.float32), y_train=labels(6, numpy.uint8),
    x_test=(elements(3, 3, 4, 5) / 255).astype(numpy.float32), y_test=labels(3, numpy.int32))

# As other programs write zip archives: without 64-bit fields, to a pipe, with a comment.
with zipfile.ZipFile(folder / "plain.npz", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.comment = b"a comment"
    for name, array in channels_last.items():
        file = io.BytesIO()
        numpy.save(file, array)
        archive.writestr(name + ".npy", file.getvalue())


class Pipe(io.RawIOBase):
    """Can be written and not sought, so that lengths follow behind the contents."""

    def __init__(self, file):
        self.file = file

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)


with open(folder / "piped.npz", "wb") as file, zipfile.ZipFile(Pipe(file), "w") as archive:
    for name, array in channels_last.items():
        content = io.BytesIO()
        numpy.save(content, array)
        archive.writestr(name + ".npy", content.getvalue())
