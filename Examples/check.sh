#!/usr/bin/env bash
# Builds the example in C, runs both examples on the digits, and compares what they print with the
# labels and with each other:   check.sh LIBRARY-FOLDER OUTPUT-FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
library=$(realpath "$1")
mkdir -p "$2"
output=$(realpath "$2")
model=Fixtures/models/digits.shrink
images=Fixtures/digits/digits-images-idx3-ubyte.gz
labels=Fixtures/digits/digits-labels-idx1-ubyte.gz

# The numbers of an IDX file stand behind its header of 16 or 8 bytes.
gunzip -c "$labels" | tail -c +9 | od -An -v -tu1 -w1 | tr -d ' ' > "$output/labels"
count=$(wc -l < "$output/labels")

# check NAME: at least 97 % of the classes in OUTPUT-FOLDER/NAME are right.
check() {
    right=$(paste "$output/$1" "$output/labels" | awk '$1 == $2 { n++ } END { print n + 0 }')
    echo "Examples/$1: $right of $count digits right"
    [ $((100 * right)) -ge $((97 * count)) ]
}

# The library exports the functions of its header, and nothing else.
nm -D --defined-only "$library/libshrink_engine.so" | awk '{ print $3 }' | sort > "$output/exported"
grep -oE '\bshrink_[a-z_]+\(' "$library/shrink_engine.h" | tr -d '(' | sort -u > "$output/declared"
diff "$output/declared" "$output/exported"

"${CC:-cc}" -std=c11 -Wall -Wextra -Werror -O2 -I "$library" Examples/c/classify.c \
    -L "$library" -lshrink_engine -Wl,-rpath,"$library" -o "$output/classify"
gunzip -c "$images" | tail -c +17 | "$output/classify" "$model" > "$output/c"
check c

if "${PYTHON:-python3}" -c 'import numpy' 2> /dev/null; then
    SHRINK_ENGINE="$library/libshrink_engine.so" "${PYTHON:-python3}" Examples/python/classify.py \
        "$model" "$images" > "$output/python"
    check python
    cmp "$output/c" "$output/python"
    # One sample at a time, with Python's lock and without.
    SHRINK_ENGINE="$library/libshrink_engine.so" PYTHONPATH=Examples/python "${PYTHON:-python3}" - \
        "$model" <<'END'
import os
import signal
import sys
import numpy as np
from shrink_engine import Model

with Model(sys.argv[1]) as model:
    pixels = np.random.default_rng(1).integers(0, 256, (20, *model.shape), np.uint8)
    expected = model.run(pixels)
    for keeps_lock in (False, True):
        for sample, logits in zip(pixels, expected):
            assert (model.bound(sample, keeps_lock=keeps_lock)() == logits).all(), keeps_lock
    # [1, 8, 8]: the channel may be left out, one sample may stand alone, floats have the unit of bytes.
    for same in (pixels[:, 0], pixels.astype(np.float32)):
        assert (model.run(same) == expected).all(), same.shape
    # Bytes between samples are read as if they were not there, and so is an odd address.
    odd = np.frombuffer(b"." + pixels.astype(np.float32).tobytes(), np.float32, offset=1)
    for same in (odd.reshape(pixels.shape), np.repeat(pixels, 2, axis=0)[::2]):
        assert (model.run(same) == expected).all(), same.flags
    for same in (pixels[3], pixels[3, 0]):
        assert (model.run(same) == expected[3:4]).all(), same.shape
    # Of as many values as whole samples have.
    for wrong in (pixels.reshape(5, 16, 16), pixels.reshape(20, 64), pixels.reshape(-1),
                  pixels.reshape(2, 10, 1, 8, 8), pixels[0].astype(np.float32) * np.nan):
        try:
            model.run(wrong)
        except ValueError:
            continue
        raise AssertionError(f"took {wrong.dtype} {wrong.shape}")
    # Floats of the other byte order, and numbers of another size.
    for wrong in (np.dtype(np.float32).newbyteorder(), np.float64, np.int8):
        try:
            model.run(pixels.astype(wrong))
        except TypeError:
            continue
        raise AssertionError(f"took {wrong}")
    # A forked process has none of the threads, and can run and close the model all the same.
    with Model(sys.argv[1], threads=2) as threaded:
        assert (threaded.run(pixels) == expected).all()
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            same = (threaded.run(pixels) == expected).all()
            threaded.close()
            os._exit(0 if same else 1)
        assert os.waitpid(child, 0)[1] == 0, "the forked process failed"
        assert (threaded.run(pixels) == expected).all()
    kept = np.frombuffer(bytes(expected.nbytes), np.float32).reshape(expected.shape)
    try:
        model.run(pixels, kept)
    except ValueError:
        assert (kept == 0).all()
    else:
        raise AssertionError("wrote to an array that is read-only")
END
else
    echo "Examples/python: skipped, for python3 has no numpy here"
fi

if "$output/classify" "$labels" < /dev/null 2> "$output/errors"; then
    echo "Examples/c took a file that is no model" >&2
    exit 1
fi
grep -q 'not a shrink file' "$output/errors"
