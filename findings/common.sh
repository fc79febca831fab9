# Sourced by every finding: a temporary folder with an environment of its own, which goes when the script ends.
# usage: . "$(dirname "$0")/common.sh"; install PACKAGE==VERSION...; then run python in that environment.
set -eu -o pipefail
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3 -m venv "$room/venv"
export PATH="$room/venv/bin:$PATH"
unset PYTHONPATH

install() {
    python -m pip install -q "$@"
}
