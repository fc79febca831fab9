"""Programs that the benchmarks start, each in a process of its own: what a heap has become shows only there."""
