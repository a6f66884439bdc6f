"""One engine that runs one model, told what to do by lines of JSON.

    workers.py KIND      KIND is a key of LOADERS

The first line is a task (`Task` below), answered by {"version": ..., "output": first logits} or by
{"error": ...}. Every other line is a number of seconds, answered by the list of the seconds that each
run took. Time is that of the call from Python, with input and output in their places.
"""

import ctypes
import json
import os
import sys
import time
import types
from pathlib import Path

import numpy as np


class Task(types.SimpleNamespace):
    """file: path; batch, threads; shape: of a sample; library: ours.

    before: the task of another file that is run, with the caches evicted before it, before each run
    that is timed; it may be missing.
    """


def samples(task):
    """Pixels of 0...255 in floats, the same for every engine."""
    generator = np.random.default_rng(5)
    return generator.integers(0, 256, [task.batch, *task.shape]).astype(np.float32) / 255


def load_shrink(task):
    """This project's engine through its C interface."""
    os.environ["SHRINK_ENGINE"] = task.library
    sys.path.insert(0, str(Path(__file__).parents[2] / "Examples/python"))
    import shrink_engine

    model = shrink_engine.Model(task.file, threads=task.threads)
    pixels = np.rint(samples(task) * 255).astype(np.uint8)
    out = np.empty((task.batch, model.output_count), np.float32)
    # Bound once, as the others are. No other Python thread waits here.
    return model.bound(pixels, out, keeps_lock=True), lambda: out, f"kernels for {model.isa}"


def load_onnxruntime(task):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = task.threads
    options.log_severity_level = 3
    options.add_free_dimension_override_by_name("N", task.batch)
    session = ort.InferenceSession(task.file, options, providers=["CPUExecutionProvider"])
    # Bound once, so that a call copies nothing.
    binding = session.io_binding()
    x = ort.OrtValue.ortvalue_from_numpy(samples(task))
    y = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    y = ort.OrtValue.ortvalue_from_numpy(np.zeros_like(y))
    binding.bind_ortvalue_input(session.get_inputs()[0].name, x)
    binding.bind_ortvalue_output(session.get_outputs()[0].name, y)
    return lambda: session.run_with_iobinding(binding), y.numpy, ort.__version__


def load_openvino(task):
    import openvino

    core = openvino.Core()
    model = core.read_model(task.file)
    model.reshape([task.batch, *task.shape])
    settings = {"INFERENCE_NUM_THREADS": task.threads, "NUM_STREAMS": 1,
                "PERFORMANCE_HINT": "LATENCY"}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    x = samples(task)
    request.set_input_tensor(openvino.Tensor(x, shared_memory=True))
    return (lambda: request.infer(share_outputs=True),
            lambda: request.get_output_tensor().data, openvino.__version__.split("-")[0])


def load_litert(task):
    from importlib.metadata import version

    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=task.file, num_threads=task.threads)
    x = samples(task)
    if x.ndim == 4:
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.resize_tensor_input(source["index"], x.shape)
    interpreter.allocate_tensors()
    scale, zero = source["quantization"]
    interpreter.set_tensor(
        source["index"], np.clip(np.rint(x / scale + zero), -128, 127).astype(np.int8))

    def output():
        scale, zero = target["quantization"]
        return (interpreter.get_tensor(target["index"]).astype(np.float32) - zero) * scale

    return interpreter.invoke, output, version("ai-edge-litert")


def load_deepsparse(task):
    import deepsparse

    engine = deepsparse.Engine(task.file, batch_size=task.batch, num_cores=task.threads)
    # Below 1, it hands a part of the graph to ONNX Runtime.
    share = engine.fraction_of_supported_ops
    inputs, outputs = [samples(task)], [None]

    def run():
        outputs[0] = engine.run(inputs, val_inp=False)

    return run, lambda: outputs[0][0], f"{deepsparse.__version__}, {share:.0%} of the graph"


def matrix(task):
    """Weights [outputs, inputs] and biases of a network of one fully connected layer."""
    arrays = np.load(task.file)
    return arrays["weights"], arrays["bias"]


def load_openblas(task):
    """Dense floats through NumPy."""
    weights, bias = matrix(task)
    x = samples(task)
    out = np.empty((task.batch, len(bias)), np.float32)

    def run():
        np.matmul(x, weights.T, out=out)
        np.add(out, bias, out=out)

    def run_one():
        np.dot(weights, x[0], out=out[0])
        np.add(out, bias, out=out)

    return run if task.batch > 1 else run_one, lambda: out, np.__version__


def load_mkl_csr(task):
    """Sparse floats: MKL's compressed rows with an optimised handle."""
    import scipy.sparse

    mkl = ctypes.CDLL(str(next(Path(sys.prefix, "lib").glob("libmkl_rt.so*"))))
    mkl.MKL_Set_Num_Threads(task.threads)
    weights, bias = matrix(task)
    rows = scipy.sparse.csr_matrix(weights)
    arrays = rows.indptr.astype(np.int32), rows.indices.astype(np.int32), rows.data
    starts, columns, values = (array.ctypes.data for array in arrays)
    handle, pointer, real = ctypes.c_void_p(), ctypes.c_void_p, ctypes.c_float
    general = (ctypes.c_int * 3)(20, 40, 50)  # SPARSE_MATRIX_TYPE_GENERAL and what it ignores
    plain, row_major = 10, 101

    class Description(ctypes.Structure):
        _fields_ = [("fields", ctypes.c_int * 3)]

    description = Description(general)

    def check(status):
        if status != 0:
            raise RuntimeError(f"MKL status {status}")

    check(mkl.mkl_sparse_s_create_csr(
        ctypes.byref(handle), 0, *rows.shape, pointer(starts), pointer(starts + 4),
        pointer(columns), pointer(values)))
    if task.batch == 1:
        check(mkl.mkl_sparse_set_mv_hint(handle, plain, description, 100_000))
    else:
        check(mkl.mkl_sparse_set_mm_hint(
            handle, plain, description, row_major, task.batch, 100_000))
    check(mkl.mkl_sparse_optimize(handle))
    # Inputs as columns: that is what its product takes.
    x = np.ascontiguousarray(samples(task).T)
    out = np.empty((len(bias), task.batch), np.float32)
    x_data, out_data = pointer(x.ctypes.data), pointer(out.ctypes.data)

    def run():
        if task.batch == 1:
            mkl.mkl_sparse_s_mv(plain, real(1), handle, description, x_data, real(0), out_data)
        else:
            mkl.mkl_sparse_s_mm(plain, real(1), handle, description, row_major, x_data,
                                task.batch, task.batch, real(0), out_data, task.batch)
        np.add(out, bias[:, None], out=out)

    # The arrays live as long as the function that gives the result.
    return run, lambda: (arrays, out.T)[1], "MKL"


LOADERS = {"shrink": load_shrink, "onnxruntime": load_onnxruntime, "openvino": load_openvino,
           "litert": load_litert, "deepsparse": load_deepsparse, "openblas": load_openblas,
           "mkl-csr": load_mkl_csr}


def evicting(load, task):
    """A function after which the weights of the task's layer are in memory, not in the caches.

    A small layer brings back what any call needs: the interpreter and the engine's own code, which the
    layer before has left there in a whole network.
    """
    run_before, output, _ = load(Task(**task.before))
    # Reading and writing 128 MiB leaves nothing else in the caches.
    junk = np.zeros(16 << 20)

    def prepare(kept=output):  # an engine may need what `output` holds
        np.add(junk, 1, out=junk)
        run_before()

    return prepare


def timed(run, seconds, prepare):
    """The seconds of each run."""
    run()
    times = []
    begin = time.perf_counter()
    while not times or (time.perf_counter() - begin < seconds and len(times) < 5000):
        if prepare is not None:
            prepare()
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def main():
    # Engines print; what they print must not be taken for answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    try:
        task = Task(**json.loads(sys.stdin.readline()))
        load = LOADERS[sys.argv[1]]
        run, output, version = load(task)
        run()
        prepare = evicting(load, task) if hasattr(task, "before") else None
        answer({"version": version, "output": np.asarray(output())[0].astype(float).tolist()})
    except Exception as error:  # whatever an engine throws is its row's result
        answer({"error": f"{type(error).__name__}: {str(error)[:300]}"})
        return
    for line in sys.stdin:
        answer(timed(run, float(line), prepare))
    answers.flush()
    os._exit(0)  # some engines hang when their threads are asked to end


if __name__ == "__main__":
    main()
