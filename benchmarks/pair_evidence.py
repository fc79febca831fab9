"""How often pairs are accepted as such, and shuffled ones are: python benchmarks/pair_evidence.py FOLDER...

Each folder holds pictures of two halves side by side. Of each 100 draws of 1, 2, 4, 8 and 24 pictures are judged.
"""

import sys
from pathlib import Path

import numpy as np

from imtrans.kit.pairing.parts import LEFT_RIGHT, decode_part
from imtrans.kit.pairing.structure import edges, fit_edges
from imtrans.kit.picture_files import find_pictures

DRAWS, COUNTS = 100, (1, 2, 4, 8, 24)


def halves(path):
    """The edges of the left and the right half of a picture."""
    return [edges(decode_part(path, part)) for part in LEFT_RIGHT]


def main():
    """Print the shares that are accepted, own partners / shuffled ones."""
    random = np.random.default_rng(0)
    for folder in map(Path, sys.argv[1:]):
        names = find_pictures(folder).names
        pairs = [halves(folder / names[i]) for i in random.permutation(len(names))[:100]]
        cells = []
        for count in COUNTS:
            accepted = np.zeros(2, int)
            for _ in range(DRAWS):
                left, right = zip(*(pairs[i] for i in random.permutation(len(pairs))[:count]), strict=True)
                accepted += fit_edges(left, right).is_evident, fit_edges(left, right[1:] + right[:1]).is_evident
            cells.append(f"{accepted[0]} / {accepted[1]}")
        print(f"| {folder} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
