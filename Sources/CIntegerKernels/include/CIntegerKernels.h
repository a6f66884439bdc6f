// The integer kernels
