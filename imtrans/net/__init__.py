"""Downloads, archives, and the cache folder they go to."""
