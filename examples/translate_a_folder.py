"""Every PNG of a folder through a trained run, from Python.

python examples/translate_a_folder.py runs/pix2pix-toy IN OUT
"""

import sys
from pathlib import Path

import imtrans
from imtrans.kit.images import encode


def main() -> None:
    run, given, made = (Path(a) for a in sys.argv[1:4])
    translator = imtrans.load(run)
    made.mkdir(parents=True, exist_ok=True)
    for path in sorted(given.glob("*.png")):
        encode(made / path.name, translator.translate(path))
        print(made / path.name)


if __name__ == "__main__":
    main()
