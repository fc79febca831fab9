"""From a data set to batches."""
