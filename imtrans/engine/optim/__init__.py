"""Optimizers, learning rate schedules and the step."""
