"""Which pictures belong together: by their structure, their names, and the parts of a file."""
