"""Other forms of the same sums of a convolution, where those of the CPU's library are slow."""
