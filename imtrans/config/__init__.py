"""The configuration of a run: its schema, its sources, its resolution and its file."""
