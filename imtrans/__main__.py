"""python -m imtrans"""

import sys


def main() -> None:
    """Run the command line of this process."""
    from imtrans.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
