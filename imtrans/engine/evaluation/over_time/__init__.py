"""Evaluations of several checkpoints of a run: how one was chosen, and how quality went over time."""
