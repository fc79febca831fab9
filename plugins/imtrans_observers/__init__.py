"""What watches a run: progress, log, pictures, report. Each class is an entry point of its own."""
