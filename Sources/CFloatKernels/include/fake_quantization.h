// Fake quantization with a learned step and offset (LSQ, LSQ+): forward and backward passes.
#pragma once
#include "isa.h"
