// Float kernels of training and of the engine, each compiled for several instruction sets and chosen at run time.
//
// Every function takes the instruction set as its first argument, so that tests and benchmarks can
// walk them all; callers pass cfk_best_isa(). Unless said otherwise a float array needs no
// alignment, and may be read, not written, up to 16 floats past its end.
//
// Results are the same for any split of the work over threads. They differ in the last bits between
// instruction sets, because these sum in vectors of different widths.
#pragma once

#include "activation.h"
#include "channels.h"
#include "convolution.h"
#include "depthwise.h"
#include "dynamic_range.h"
#include "elementwise.h"
#include "fake_quantization.h"
#include "gating.h"
#include "isa.h"
#include "normalization.h"
#include "pooling.h"
#include "quantized_function.h"
#include "softmax.h"
#include "sparse.h"
#include "surrogate_gradient.h"
#include "winograd.h"
