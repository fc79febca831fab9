"""One file a verb; each is imported when its command is called."""
