"""Writes bomb-images-idx3-ubyte.gz: an IDX header that declares 2 × 2 × 2 bytes, before 32 MiB of zeros.

Made with Python 3.11.7 and zlib 1.2.13: python3 make.py
"""

import gzip
import pathlib
import struct

content = struct.pack(">4I", 0x803, 2, 2, 2) + bytes(32 << 20)
path = pathlib.Path(__file__).with_name("bomb-images-idx3-ubyte.gz")
path.write_bytes(gzip.compress(content, 9, mtime=0))
