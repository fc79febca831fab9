"""Checks of a data set, before training and by `imtrans data check`."""
