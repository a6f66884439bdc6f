"""The files that other engines run, made from this project's own .shrink files.

    models.py SHRINK FOLDER      beside each NAME.shrink of SOURCES: NAME.float.onnx, NAME.int8.onnx,
                                 ..., and the shape of a sample in NETWORK.json

`shrink export` writes the network as ONNX with the few values of its grids. Here the grids are taken
out again (float.onnx), and the tools that users of other engines have put int8 in (int8.onnx, by
ONNX Runtime's static quantization; int8.tflite from the same numbers). So every engine runs the same
network with the same zeros. Of a single fully connected layer there are also matrix.npz in floats and
int4.onnx with 4-bit weights in blocks of 32 (MatMulNBits).
"""

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

import tflite

# The network that runs before a cold layer, whatever layers are measured.
BEFORE = "layer-before"
# Endings of the files that peers' are made from: one for each network, W8A8 or W4A8.
SOURCES = [".w8a8.s90.shrink", ".w4a8.dc.shrink"]


def without_grids(model):
    """The network in floats: constants are what their codes stand for, values pass unrounded."""
    graph = model.graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    passed, nodes = {}, []
    for node in graph.node:
        names = [passed.get(name, name) for name in node.input]
        del node.input[:]
        node.input.extend(names)
        if node.op_type == "QuantizeLinear":
            passed[node.output[0]] = node.input[0]
        elif node.op_type == "DequantizeLinear" and node.input[0] in constants:
            constants[node.output[0]] = dequantized(node, constants)
        elif node.op_type == "DequantizeLinear":
            passed[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    nodes = with_biases(nodes, constants)
    used = {name for node in nodes for name in node.input}
    initializers = [numpy_helper.from_array(array, name)
                    for name, array in constants.items() if name in used]
    result = helper.make_model(
        helper.make_graph(nodes, graph.name, with_batches(graph.input), with_batches(graph.output),
                          initializers),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    name_global_pooling(result)
    return result


def name_global_pooling(model):
    """A mean over the whole image by its own name, as exporters write it."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    shapes = {value.name: shape_of(value) for value in [*inferred.value_info, *inferred.input]}
    for node in model.graph.node:
        kernel = next((list(a.ints) for a in node.attribute if a.name == "kernel_shape"), None)
        if node.op_type == "AveragePool" and shapes.get(node.input[0], [])[1:] == kernel:
            node.op_type = "GlobalAveragePool"
            del node.attribute[:]


def with_biases(nodes, constants):
    """Layers with their biases inside, as users export them, and windows with their padding.

    A grid with an offset leaves `x - offset + offset` behind, and pads with the code of zero.
    """
    origin = {node.output[0]: node for node in nodes}
    passed, kept = {}, []
    for node in nodes:
        names = [passed.get(name, name) for name in node.input]
        del node.input[:]
        node.input.extend(names)
        before = origin.get(names[0]) if names else None
        kind = (node.op_type, before.op_type if before is not None else None)
        constant = constants.get(names[1]) if len(names) > 1 else None
        if kind == ("Add", "Sub") and constant is not None and constant.size == 1:
            passed[node.output[0]] = before.input[0]
        elif node.op_type == "Add" and constant is not None and kind[1] in ("Conv", "Gemm") \
                and len(before.input) == 2:
            constants[names[1]] = constant.ravel()
            before.input.append(names[1])
            before.output[0] = node.output[0]
            origin[node.output[0]] = before
        elif kind == ("Conv", "Pad"):
            top, left, bottom, right = (int(constants[before.input[1]][i]) for i in (2, 3, 6, 7))
            node.input[0] = before.input[0]
            pads = next(a for a in node.attribute if a.name == "pads")
            pads.ints[:] = [top, left, bottom, right]
            kept.append(node)
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    return [node for node in kept if node.op_type not in ("Sub", "Pad") or node.output[0] in used]


def dequantized(node, constants):
    codes, scale = constants[node.input[0]], constants[node.input[1]]
    zero = constants[node.input[2]] if len(node.input) > 2 else np.zeros_like(scale)
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    if scale.ndim == 1:
        shape = [-1 if dimension == axis else 1 for dimension in range(codes.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return (codes.astype(np.float32) - zero.astype(np.float32)) * scale


def with_batches(values):
    """The same inputs or outputs, N samples each."""
    return [helper.make_tensor_value_info(
        value.name, TensorProto.FLOAT, ["N", *shape_of(value)]) for value in values]


def shape_of(value):
    return [each.dim_value for each in value.type.tensor_type.shape.dim][1:]


class RandomSamples(CalibrationDataReader):
    """What ranges are measured on: noise, as the weights are."""

    def __init__(self, name, shape):
        generator = np.random.default_rng(7)
        self.batches = iter([{name: generator.random((2, *shape), np.float32)} for _ in range(4)])

    def get_next(self):
        return next(self.batches, None)


def quantize(source, target, **options):
    graph = onnx.load(source).graph
    reader = RandomSamples(graph.input[0].name, shape_of(graph.input[0]))
    quantize_static(source, target, reader, activation_type=QuantType.QUInt8,
                    weight_type=QuantType.QInt8, **options)


def in_blocks(model, size=4):
    """The network with its sparse weights in whole blocks of input channels, as many as before.

    That is the pattern which DeepSparse names as its fastest (4-block). The values are drawn from
    those that were there.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    generator = np.random.default_rng(7)
    layers = {node.input[1] for node in result.graph.node if node.op_type in ("Conv", "Gemm")}
    for constant in result.graph.initializer:
        weights = numpy_helper.to_array(constant)
        if constant.name not in layers or weights.shape[1] % size:
            continue
        values = weights[weights != 0]
        density = values.size / weights.size
        if density < 0.5:
            outputs, inputs, *window = weights.shape
            kept = generator.random((outputs, inputs // size, *window)) < density
            dense = generator.choice(values, weights.shape)
            dense *= np.repeat(kept, size, axis=1)
            constant.CopyFrom(numpy_helper.from_array(dense, constant.name))
    return result


def fully_connected(model):
    """Weights [outputs, inputs] and biases, if the network is one fully connected layer."""
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    layers = [node for node in model.graph.node if node.op_type in ("Gemm", "MatMul", "Conv")]
    if len(layers) != 1 or layers[0].op_type != "Gemm":
        return None
    gemm = layers[0]
    weights = constants[gemm.input[1]]
    if not any(a.name == "transB" and a.i for a in gemm.attribute):
        weights = weights.T
    bias = constants[gemm.input[2]] if len(gemm.input) > 2 else np.zeros(len(weights), np.float32)
    return np.ascontiguousarray(weights), bias


def four_bit(weights, bias, block=32):
    """The layer with 4-bit weights: codes 0...15 around 8 and a scale for each block of inputs."""
    outputs, inputs = weights.shape
    blocks = weights.reshape(outputs, inputs // block, block)
    scales = np.maximum(np.abs(blocks).max(2), 1e-6).astype(np.float32) / 7
    codes = np.clip(np.rint(blocks / scales[..., None]) + 8, 0, 15).astype(np.uint8)
    packed = codes[..., 0::2] | codes[..., 1::2] << 4
    node = helper.make_node(
        "MatMulNBits", ["input", "codes", "scales", "", "", "bias"], ["output"],
        domain="com.microsoft", K=inputs, N=outputs, bits=4, block_size=block, accuracy_level=4)
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", size])
              for name, size in (("input", inputs), ("output", outputs))]
    arrays = {"codes": packed, "scales": scales, "bias": bias}
    graph = helper.make_graph([node], "layer", values[:1], values[1:],
                              [numpy_helper.from_array(a, name) for name, a in arrays.items()])
    return helper.make_model(graph, ir_version=8, opset_imports=[
        helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)])


def make(shrink, path):
    """All files that are missing next to the .shrink file at `path`."""
    stem = str(path.with_suffix(""))
    if Path(stem + ".int8.tflite").exists():
        return
    exported = stem + ".exported.onnx"
    subprocess.run([shrink, "export", str(path), "--output", exported], check=True,
                   stdout=subprocess.DEVNULL)
    model = without_grids(onnx.load(exported))
    Path(exported).unlink()
    onnx.save(model, stem + ".float.onnx")
    quantize(stem + ".float.onnx", stem + ".int8.onnx", quant_format=QuantFormat.QDQ,
             per_channel=True)
    # DeepSparse is fast with one scale a tensor and quantized operators only.
    if any(node.op_type == "Conv" for node in model.graph.node):
        operators = {"quant_format": QuantFormat.QOperator,
                     "op_types_to_quantize": ["Conv", "Add", "GlobalAveragePool"]}
        quantize(stem + ".float.onnx", stem + ".operators.onnx", **operators)
        onnx.save(in_blocks(model), stem + ".float-blocks.onnx")
        quantize(stem + ".float-blocks.onnx", stem + ".blocks.onnx", **operators)
        Path(stem + ".float-blocks.onnx").unlink()
    layer = fully_connected(model)
    if layer is not None:
        np.savez(stem + ".matrix.npz", weights=layer[0], bias=layer[1])
        onnx.save(four_bit(*layer), stem + ".int4.onnx")
    network = path.name.split(".")[0]
    shape = shape_of(model.graph.input[0])
    path.with_name(network + ".json").write_text(json.dumps({"shape": shape}))
    # Last, for it says that the others are there.
    Path(stem + ".int8.tflite").write_bytes(tflite.converted(onnx.load(stem + ".int8.onnx")))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shrink")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="networks whose names contain this")
    arguments = parser.parse_args()
    for ending in SOURCES:
        paths = [p for p in arguments.folder.glob(f"*{ending}") if arguments.only in p.name or p.name.startswith(BEFORE)]
        for path in sorted(paths):
            print(path.stem, flush=True)
            make(arguments.shrink, path)


if __name__ == "__main__":
    main()
