#include "CIntegerKernels.h"
