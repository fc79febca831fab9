"""python -m imtrans"""

import sys


def main() -> None:
    from imtrans.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
