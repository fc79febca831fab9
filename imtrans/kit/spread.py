"""Some of many, the same ones each time."""


def spread(total: int, most: int) -> list[int]:
    """At most `most` of the indices below `total`, spread evenly from 0 on; all of them where there are no more."""
    count = min(total, most)
    return [i * total // count for i in range(count)]
