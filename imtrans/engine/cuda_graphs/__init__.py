"""Training steps recorded as CUDA graphs: one launch in place of thousands."""
