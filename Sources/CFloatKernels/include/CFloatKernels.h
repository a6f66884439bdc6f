// The float kernels
