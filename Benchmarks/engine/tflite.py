"""A TensorFlow Lite file with the integers of a quantized ONNX network.

The network is one that ONNX Runtime's static quantization wrote in QDQ form: unsigned activations,
signed weights. Images become [N, height, width, channels]; activation codes are lowered by 128, for
they are signed here. A ReLU or a clip is the range of what it writes.
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from onnx import numpy_helper

MOVING = ("MaxPool", "Flatten", "Reshape", "Transpose", "Slice")
CLAMPS = ("Relu", "Clip")
# The first version of an operator that takes int8, and of the layers a scale for each channel.
VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 5, "RESHAPE": 1}


class Converter:
    def __init__(self, model):
        graph = model.graph
        self.constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
        self.buffers = [schema.BufferT()]
        self.tensors, self.operators, self.codes = [], [], []
        self.numbers, self.shapes, self.grids, self.names = {}, {}, {}, {}
        self.flattened = {}
        self.find_grids(graph)
        source = graph.input[0]
        shape = [each.dim_value for each in source.type.tensor_type.shape.dim][1:]
        self.input = self.activation(source.name, shape)
        for node in graph.node:
            if node.op_type not in ("QuantizeLinear", "DequantizeLinear", *CLAMPS):
                self.convert(node)
        self.output = self.numbers[self.named(graph.output[0].name)]

    # What ONNX says about values

    def find_grids(self, graph):
        """For each value its scale and zero; for each name that of the value that it stands for."""
        for node in graph.node:
            if node.op_type == "QuantizeLinear":
                scale, zero = (self.constants[name] for name in node.input[1:])
                self.grids[node.input[0]] = (float(scale), int(zero) - 128)
            if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
                if node.input[0] not in self.constants:
                    self.names[node.output[0]] = node.input[0]
                else:
                    self.constants[node.output[0]] = [self.constants[name] for name in node.input]
        # What is only moved before it is quantized has that grid already.
        for node in reversed(graph.node):
            if node.op_type in MOVING and node.output[0] in self.grids:
                self.grids.setdefault(node.input[0], self.grids[node.output[0]])
        # What is clamped is written as the clamped value at once.
        for node in graph.node:
            if node.op_type in CLAMPS:
                self.names[node.input[0]] = node.output[0]
                unclamped = self.names.get(node.input[0])
                origin = next((q.input[0] for q in graph.node if q.op_type == "QuantizeLinear"
                               and self.is_dequantized(graph, q, node.input[0])), None)
                if origin is not None and unclamped is not None:
                    self.names[origin] = node.output[0]

    @staticmethod
    def is_dequantized(graph, quantize, name):
        return any(node.op_type == "DequantizeLinear" and node.input[0] == quantize.output[0]
                   and node.output[0] == name for node in graph.node)

    def named(self, name):
        while name in self.names:
            name = self.names[name]
        return name

    @staticmethod
    def attributes(node):
        return {a.name: a.i if a.type == 2 else list(a.ints) for a in node.attribute}

    # Parts of the file

    def tensor(self, name, shape, kind, data=None, scales=None, zeros=None, axis=0):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), kind
        tensor.shapeSignature = [-1, *shape[1:]] if data is None else None
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        if scales is not None:
            grid = schema.QuantizationParametersT()
            grid.scale, grid.zeroPoint = list(map(float, scales)), list(map(int, zeros))
            grid.quantizedDimension = axis
            tensor.quantization = grid
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def activation(self, name, shape, grid=None):
        """A value of `shape` [channels, height, width] or [features], without N."""
        scale, zero = grid or self.grids[name]
        self.grids[name], self.shapes[name] = (scale, zero), list(shape)
        own = [1, *shape[1:], shape[0]] if len(shape) == 3 else [1, *shape]
        self.numbers[name] = self.tensor(name, own, schema.TensorType.INT8, None, [scale], [zero])
        return self.numbers[name]

    def integers(self, name, values):
        return self.tensor(name, [len(values)], schema.TensorType.INT32, np.int32(values))

    def operator(self, kind, inputs, outputs, options=None):
        if kind not in self.codes:
            self.codes.append(kind)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.index(kind)
        operator.inputs, operator.outputs = inputs, outputs
        if options is not None:
            operator.builtinOptions = options
            kind = type(options).__name__[:-1]
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        self.operators.append(operator)

    def requantized(self, name, grid):
        """The number of a value on another grid."""
        if self.grids[name] == grid:
            return self.numbers[name]
        shape = self.tensors[self.numbers[name]].shape
        number = self.tensor(name + ":again", shape, schema.TensorType.INT8, None, [grid[0]],
                             [grid[1]])
        self.operator("QUANTIZE", [self.numbers[name]], [number], schema.QuantizeOptionsT())
        return number

    # Operations

    def convert(self, node):
        names = [self.named(name) for name in node.input]
        out = self.named(node.output[0])
        if node.op_type in MOVING or out not in self.grids:
            self.grids[out] = self.grids[names[0]]
        getattr(self, "convert_" + node.op_type)(node, names, out)

    def weights(self, node, x, order, axis):
        """Numbers of weights and bias; `order` brings the weights to this file's layout."""
        parts = self.constants[node.input[1]]
        codes, scales = order(parts[0]), np.atleast_1d(parts[1])
        channels = codes.shape[axis]
        weights = self.tensor(node.name + ":w", codes.shape, schema.TensorType.INT8,
                              codes.astype(np.int8), scales, np.zeros(len(scales)), axis)
        # Without a bias in the network it is zero.
        bias_scales = scales * self.grids[x][0]
        bias = self.constants[node.input[2]][0] if len(node.input) > 2 else np.zeros(channels)
        bias = self.tensor(node.name + ":b", [channels], schema.TensorType.INT32,
                           bias.astype(np.int32), bias_scales, np.zeros(len(bias_scales)))
        return [weights, bias]

    def convert_Conv(self, node, names, out):
        x = names[0]
        a = self.attributes(node)
        channels, height, width = self.shapes[x]
        outputs, _, kh, kw = self.constants[node.input[1]][0].shape
        stride, pads = a.get("strides", [1, 1]), a.get("pads", [0] * 4)
        places = self.places((height, width), (kh, kw), stride, pads)
        number, padding = self.padded(x, (kh, kw), stride, pads)
        is_depthwise = a.get("group", 1) == channels > 1
        if is_depthwise:
            options = schema.DepthwiseConv2DOptionsT()
            options.depthMultiplier = outputs // channels
            parts = self.weights(node, x, lambda w: w.transpose(1, 2, 3, 0), 3)
        else:
            options = schema.Conv2DOptionsT()
            parts = self.weights(node, x, lambda w: w.transpose(0, 2, 3, 1), 0)
        options.padding = padding
        options.strideH, options.strideW = stride
        options.dilationHFactor = options.dilationWFactor = 1
        self.activation(out, [outputs, *places])
        self.operator("DEPTHWISE_CONV_2D" if is_depthwise else "CONV_2D", [number, *parts],
                      [self.numbers[out]], options)

    @staticmethod
    def places(size, kernel, stride, pads):
        return [(size[i] + pads[i] + pads[i + 2] - kernel[i]) // stride[i] + 1 for i in (0, 1)]

    def padded(self, x, kernel, stride, pads):
        """The number of what a window moves over, and how it is padded."""
        if pads == [0] * 4:
            return self.numbers[x], schema.Padding.VALID
        if stride == [1, 1] and pads == [k // 2 for k in kernel] * 2 and all(k % 2 for k in kernel):
            return self.numbers[x], schema.Padding.SAME
        _, height, width, channels = self.tensors[self.numbers[x]].shape
        shape = [1, height + pads[0] + pads[2], width + pads[1] + pads[3], channels]
        number = self.tensor(x + ":padded", shape, schema.TensorType.INT8, None,
                             *([value] for value in self.grids[x]))
        sides = np.int32([[0, 0], [pads[0], pads[2]], [pads[1], pads[3]], [0, 0]])
        border = self.tensor(x + ":border", [4, 2], schema.TensorType.INT32, sides)
        self.operator("PAD", [self.numbers[x], border], [number], schema.PadOptionsT())
        return number, schema.Padding.VALID

    def convert_Gemm(self, node, names, out):
        x = names[0]
        image = self.flattened.get(x)

        def order(weights):
            if not self.attributes(node).get("transB", 0):
                weights = weights.T
            if image is None:
                return weights
            return weights.reshape(-1, *image).transpose(0, 2, 3, 1).reshape(len(weights), -1)

        parts = self.weights(node, x, order, 0)
        self.activation(out, [self.tensors[parts[0]].shape[0]])
        self.operator("FULLY_CONNECTED", [self.numbers[x], *parts], [self.numbers[out]],
                      schema.FullyConnectedOptionsT())

    def convert_MaxPool(self, node, names, out):
        a = self.attributes(node)
        shape, pads = self.shapes[names[0]], a.get("pads", [0] * 4)
        options = schema.Pool2DOptionsT()
        options.filterHeight, options.filterWidth = a["kernel_shape"]
        options.strideH, options.strideW = a["strides"]
        number, options.padding = self.padded(names[0], a["kernel_shape"], a["strides"], pads)
        places = self.places(shape[1:], a["kernel_shape"], a["strides"], pads)
        self.activation(out, [shape[0], *places])
        self.operator("MAX_POOL_2D", [number], [self.numbers[out]], options)

    def convert_GlobalAveragePool(self, node, names, out):
        options = schema.ReducerOptionsT()
        options.keepDims = True
        axes = self.integers(node.name + ":axes", [1, 2])
        self.activation(out, [self.shapes[names[0]][0], 1, 1])
        self.operator("MEAN", [self.numbers[names[0]], axes], [self.numbers[out]], options)

    def convert_AveragePool(self, node, names, out):
        if self.attributes(node)["kernel_shape"] != self.shapes[names[0]][1:]:
            raise ValueError(f"{node.name}: only global average pooling is converted")
        self.convert_GlobalAveragePool(node, names, out)

    def convert_Add(self, node, names, out, kind="ADD", options=schema.AddOptionsT):
        # The second may have one value a channel.
        shapes = [self.shapes[name] for name in names]
        self.activation(out, max(shapes, key=np.prod))
        self.operator(kind, [self.numbers[name] for name in names], [self.numbers[out]], options())

    def convert_Mul(self, node, names, out):
        self.convert_Add(node, names, out, "MUL", schema.MulOptionsT)

    def convert_Sigmoid(self, node, names, out):
        # The one grid that LOGISTIC has.
        self.activation(out, self.shapes[names[0]], (1 / 256, -128))
        self.operator("LOGISTIC", [self.numbers[names[0]]], [self.numbers[out]])

    def convert_Concat(self, node, names, out):
        shapes = [self.shapes[name] for name in names]
        inputs = [self.requantized(name, self.grids[out]) for name in names]
        self.activation(out, [sum(shape[0] for shape in shapes), *shapes[0][1:]])
        options = schema.ConcatenationOptionsT()
        options.axis = 3 if len(shapes[0]) == 3 else 1
        self.operator("CONCATENATION", inputs, [self.numbers[out]], options)

    def convert_Slice(self, node, names, out):
        start, end = (int(self.constants[name][0]) for name in node.input[1:3])
        channels, *places = self.shapes[names[0]]
        end = min(end, channels)
        self.activation(out, [end - start, *places])
        begin = self.integers(node.name + ":begin", [0, 0, 0, start])
        size = self.integers(node.name + ":size", [-1, *places, end - start])
        self.operator("SLICE", [self.numbers[names[0]], begin, size], [self.numbers[out]],
                      schema.SliceOptionsT())

    def convert_Flatten(self, node, names, out):
        shape = self.shapes[names[0]]
        if len(shape) == 3 and shape[1:] != [1, 1]:
            self.flattened[out] = shape
        self.activation(out, [int(np.prod(shape))])
        self.reshape(self.numbers[names[0]], out, [-1, int(np.prod(shape))])

    def reshape(self, number, out, shape):
        target = self.integers(out + ":shape", shape)
        self.operator("RESHAPE", [number, target], [self.numbers[out]], schema.ReshapeOptionsT())

    def convert_Reshape(self, node, names, out):
        """A shuffle's [N, groups, channels / groups, height, width], its way back, or a flattening."""
        shape = [int(each) for each in self.constants[node.input[1]]][1:]
        if len(shape) == 4:
            self.grouped(out, shape)
        elif len(shape) == 3:
            self.activation(out, shape)
        else:
            return self.convert_Flatten(node, names, out)
        self.reshape(self.numbers[names[0]], out, [-1, *self.tensors[self.numbers[out]].shape[1:]])

    def grouped(self, out, shape):
        """A value [groups, channels, height, width], here [height, width, groups, channels]."""
        self.shapes[out] = shape
        self.numbers[out] = self.tensor(out, [1, *shape[2:], *shape[:2]], schema.TensorType.INT8,
                                        None, *([value] for value in self.grids[out]))

    def convert_Transpose(self, node, names, out):
        if self.attributes(node)["perm"] != [0, 2, 1, 3, 4]:
            raise ValueError(f"{node.name}: only the transposition of a shuffle is converted")
        groups, channels, *places = self.shapes[names[0]]
        self.grouped(out, [channels, groups, *places])
        order = self.integers(node.name + ":order", [0, 1, 2, 4, 3])
        self.operator("TRANSPOSE", [self.numbers[names[0]], order], [self.numbers[out]],
                      schema.TransposeOptionsT())

    def file(self):
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = [self.input], [self.output]
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        model.operatorCodes = []
        for kind in self.codes:
            code = schema.OperatorCodeT()
            code.builtinCode = getattr(schema.BuiltinOperator, kind)
            code.deprecatedBuiltinCode, code.version = code.builtinCode, VERSIONS.get(kind, 2)
            model.operatorCodes.append(code)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def converted(model):
    """The bytes of the file."""
    return Converter(model).file()
