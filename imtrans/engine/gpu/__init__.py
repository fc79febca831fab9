"""What keeps a GPU at work: steps recorded as CUDA graphs, samples that lie on the card."""
