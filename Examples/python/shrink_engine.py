"""The engine from Python: libshrink_engine.so through ctypes, arrays through NumPy.

    model = shrink_engine.Model("digits.shrink", threads=2)
    logits = model.run(images)            # uint8 or float32 [count, *model.shape] -> float32 [count, outputs]

Numbers in floats are in the unit of the bytes, so 255.0 is what a pixel of 255 is.

`shrink_engine.h` says what each function does. The library is looked for where SHRINK_ENGINE points,
or else among those of the system.
"""

import ctypes
import os

import numpy as np

_FLOATS = ctypes.POINTER(ctypes.c_float)


class _Options(ctypes.Structure):
    _fields_ = [("threads", ctypes.c_uint32), ("isa", ctypes.c_char_p)]


class _Description(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("rank", ctypes.c_size_t),
        ("shape", ctypes.POINTER(ctypes.c_size_t)),
        ("input_count", ctypes.c_size_t),
        ("output_count", ctypes.c_size_t),
        ("pixel_scale", ctypes.c_float),
        ("mean_count", ctypes.c_size_t),
        ("mean", _FLOATS),
        ("deviation", _FLOATS),
        ("class_names", ctypes.POINTER(ctypes.c_char_p)),
        ("isa", ctypes.c_char_p),
        ("threads", ctypes.c_uint32),
    ]


_FILE = os.environ.get("SHRINK_ENGINE", "libshrink_engine.so")


def _load():
    library = ctypes.CDLL(_FILE)
    pointer, size, text = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
    signatures = {
        "open_file": [text, ctypes.POINTER(_Options), ctypes.POINTER(pointer)],
        "open_memory": [text, size, ctypes.POINTER(_Options), ctypes.POINTER(pointer)],
        "describe": [pointer, ctypes.POINTER(_Description)],
        "run_bytes": [pointer, pointer, size, pointer],
        "run_floats": [pointer, pointer, size, pointer],
    }
    for name, arguments in signatures.items():
        getattr(library, "shrink_" + name).argtypes = arguments
    library.shrink_close.argtypes = [pointer]
    library.shrink_close.restype = None
    library.shrink_last_error.restype = text
    return library


_library = _load()
# The same functions, called without letting go of Python's lock.
_locked = ctypes.PyDLL(_FILE)


class EngineError(Exception):
    """What `shrink_last_error` says; `status` is the number of a `shrink_status`."""

    def __init__(self, status):
        super().__init__(_library.shrink_last_error().decode())
        self.status = status


def _check(status):
    if status != 0:
        raise EngineError(status)


class Model:
    """An open model. Any number of threads may run one at the same time."""

    def __init__(self, source, threads=1, isa=None):
        """Opens a path, or the bytes of a file."""
        options = _Options(threads, isa.encode() if isa else None)
        self._model = ctypes.c_void_p()
        out = ctypes.byref(self._model)
        if isinstance(source, bytes):
            _check(_library.shrink_open_memory(source, len(source), options, out))
        else:
            _check(_library.shrink_open_file(os.fsencode(source), options, out))
        about = _Description()
        _check(_library.shrink_describe(self._model, about))
        self.name = about.name.decode()
        self.shape = tuple(about.shape[i] for i in range(about.rank))
        self.input_count = about.input_count
        self.output_count = about.output_count
        self.pixel_scale = about.pixel_scale
        # One a channel, one a feature, or one for all features.
        self.mean = about.mean[:about.mean_count]
        self.deviation = about.deviation[:about.mean_count]
        names = about.class_names
        self.class_names = [names[i].decode() for i in range(about.output_count)] if names else None
        self.isa = about.isa.decode()
        self.threads = about.threads

    def run(self, samples, out=None):
        """The logits [count, outputs] of samples [count, *shape], into `out` if given.

        Samples are uint8, or float32 in the same unit: 0 to 255 for pixels, not 0 to 1. One sample may
        have its shape alone; images of one channel need not say so: [count, height, width].
        """
        samples = np.require(samples, requirements=["C", "A"])
        if samples.dtype.kind == "f" and np.isnan(samples).any():
            raise ValueError("samples have values that are no numbers (NaN)")
        return self.bound(samples, out)()

    def _count(self, shape):
        """How many samples an array of that shape holds."""
        plain = self.shape[1:] if len(self.shape) == 3 and self.shape[0] == 1 else self.shape
        for sample in (self.shape, plain):
            if shape == sample:
                return 1
            if shape[1:] == sample:
                return shape[0]
        expected = ", ".join(["count", *map(str, self.shape)])
        raise ValueError(f"samples have the shape {shape}, expected ({expected})")

    def bound(self, samples, out=None, keeps_lock=False):
        """A function that runs whatever stands in `samples` when it is called, and returns `out`.

        All checks are made here, once: they take longer than a small network. A value that is no number
        (NaN), which `run` refuses, counts as real zero. With `keeps_lock` other
        Python threads wait meanwhile; letting them run takes 50 ns, which networks of a few
        microseconds may want to save.
        """
        if not (samples.flags.c_contiguous and samples.flags.aligned):
            raise ValueError("samples have to be contiguous and aligned")
        # float32 of the other byte order is another type.
        if samples.dtype == np.uint8:
            name = "shrink_run_bytes"
        elif samples.dtype == np.float32:
            name = "shrink_run_floats"
        else:
            raise TypeError(f"samples are {samples.dtype}, expected uint8 or float32")
        # A function of its own without types of arguments, which would be checked at every call.
        run = (_locked if keeps_lock else _library)[name]
        count = self._count(samples.shape)
        shape = (count, self.output_count)
        if out is None:
            out = np.empty(shape, np.float32)
        elif out.shape != shape or out.dtype != np.float32 or not out.flags.carray:
            raise ValueError(f"out has to be a contiguous, writeable float32 array of {shape}")
        # Converted once: that would take a tenth of a call of LeNet-300-100.
        arguments = (self._model, ctypes.c_void_p(samples.ctypes.data), ctypes.c_size_t(count),
                     ctypes.c_void_p(out.ctypes.data))

        def call(model=self, kept=samples):
            status = run(*arguments)
            if status != 0:
                raise EngineError(status)
            return out

        return call

    def close(self):
        _library.shrink_close(self._model)
        # What was bound before has this very pointer, too.
        self._model.value = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_model", None):  # a null pointer is false
            self.close()
