"""Writes small pictures of all kinds for the tests of the decoder, and expected.json with their pixels.

For each file, expected.json has `shape`, [channels, height, width], and `pixels` in that order. The
pixels are those that Pillow reads, less transparency; 16 bits are scaled to 8 by round(v / 257).
Made with Python 3.11.7, NumPy 2.4.6 and Pillow 13.0.0: python3 make.py
"""

import json
import pathlib
import struct
import zlib

import numpy
from PIL import Image

folder = pathlib.Path(__file__).parent
expected = {}


def note(name, pixels):
    """Pixels [height, width] or [height, width, channels]."""
    pixels = numpy.asarray(pixels)
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    expected[name] = {"shape": list(planes.shape), "pixels": planes.ravel().tolist()}


def save(name, array, pixels=None, mode=None, **options):
    image = Image.fromarray(array) if mode is None else mode
    image.save(folder / name, **options)
    note(name, array if pixels is None else pixels)


def png(name, width, height, bits, color, rows, *chunks, interlace=0):
    """A PNG file that Pillow does not write; rows are bytes."""

    def chunk(kind, content):
        return (struct.pack(">I", len(content)) + kind + content
                + struct.pack(">I", zlib.crc32(kind + content)))

    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlace)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    (folder / name).write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


generator = numpy.random.default_rng(1)
grey = generator.integers(0, 256, (5, 7), numpy.uint8)
color = generator.integers(0, 256, (5, 7, 3), numpy.uint8)
alpha = generator.integers(0, 256, (5, 7, 1), numpy.uint8)
# JPEG keeps smooth pictures best; 19 × 13 is no multiple of its blocks.
y, x = numpy.mgrid[0:13, 0:19]
smooth = numpy.stack([x * 13, y * 19, 255 - x * 6 - y * 9], 2).astype(numpy.uint8)

save("grey.png", grey)
save("color.png", color)
save("alpha.png", numpy.concatenate([color, alpha], 2), pixels=color)
save("grey-alpha.png", numpy.stack([grey, alpha[:, :, 0]], 2), pixels=grey)
palette = Image.fromarray(color).quantize(16)
save("palette.png", None, mode=palette, pixels=palette.convert("RGB"))
one = Image.fromarray(grey).convert("1")
save("one-bit.png", None, mode=one, pixels=one.convert("L"))

wide = generator.integers(0, 65536, (5, 7, 3), numpy.uint16)
png("sixteen-bit.png", 7, 5, 16, 2, [row.astype(">u2").tobytes() for row in wide])
note("sixteen-bit.png", (wide.astype(numpy.int64) * 255 + 32895) >> 16)
png("four-bit.png", 4, 2, 4, 0, [b"\x01\x9f", b"\xa5\x0c"])
note("four-bit.png", [[0, 17, 153, 255], [170, 85, 0, 204]])
# A palette with transparency; its colours stay.
png("transparent-palette.png", 4, 1, 2, 3, [b"\x1b"],
    (b"PLTE", bytes(range(12))), (b"tRNS", b"\x00\x80"))
note("transparent-palette.png", [[[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]])
# Gamma that would change pixels if it counted.
png("gamma.png", 2, 1, 8, 0, [b"\x40\x80"], (b"gAMA", struct.pack(">I", 100000)))
note("gamma.png", [[64, 128]])


def interlaced(pixels):
    """The rows of the seven passes of Adam7."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2)]
    return [row.tobytes() for x, y, dx, dy in passes for row in pixels[y::dy, x::dx] if row.size]


png("interlaced.png", 7, 5, 8, 2, interlaced(color), interlace=1)
note("interlaced.png", color)

for name, image, options in [
    ("grey.jpg", smooth[:, :, 0], {}),
    ("color-444.jpg", smooth, {"subsampling": 0}),
    ("color-420.jpg", smooth, {"subsampling": 2}),
    ("progressive.jpg", smooth, {"subsampling": 2, "progressive": True}),
]:
    Image.fromarray(image).save(folder / name, quality=90, **options)
    with Image.open(folder / name) as file:
        note(name, file)
Image.fromarray(numpy.concatenate([smooth, smooth[:, :, :1]], 2), "CMYK").save(folder / "cmyk.jpg")

# What is expected of PNG is what Pillow reads, which takes the high byte of 16 bits.
for name in expected:
    if name.endswith(".png"):
        with Image.open(folder / name) as file:
            mode = "L" if expected[name]["shape"][0] == 1 else "RGB"
            if name != "sixteen-bit.png":
                found = numpy.asarray(file.convert(mode)).ravel().tolist()
                planes = numpy.array(expected[name]["pixels"]).reshape(expected[name]["shape"])
                assert found == planes.transpose(1, 2, 0).ravel().tolist(), name
lines = [f"{json.dumps(name)}: {json.dumps(expected[name])}" for name in sorted(expected)]
(folder / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
