# Sourced by every finding: makes a temporary folder with its own environment; both are removed when the script ends.
# usage: . "$(dirname "$0")/common.sh"; install PACKAGE==VERSION...; cd "$folder"; then call python.
set -eu -o pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
export PATH="$folder/venv/bin:$PATH"
unset PYTHONPATH

install() {
    python -m pip install -q "$@"
}
