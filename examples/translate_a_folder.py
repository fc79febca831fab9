"""Translate every PNG of a folder with a trained run, from Python.

python examples/translate_a_folder.py runs/pix2pix-toy IN OUT
"""

import sys
from pathlib import Path

import imtrans
from imtrans.kit.images import encode


def main() -> None:
    run, images, output = (Path(a) for a in sys.argv[1:4])
    translator = imtrans.load(run)
    output.mkdir(parents=True, exist_ok=True)
    for path in sorted(images.glob("*.png")):
        encode(output / path.name, translator.translate(path))
        print(output / path.name)


if __name__ == "__main__":
    main()
