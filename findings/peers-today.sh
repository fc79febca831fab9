#!/usr/bin/env bash
# The field today: each peer in a fresh environment beside torch 2.13.0: does it install, import, train three steps on
# six drawn pairs of 64 px, evaluate, resume and export? Each step has a time limit; a step for which findings/peers/ has
# no commands is "not tried". One row for each package goes into docs/peers.md, with version and date.
#
# usage: bash findings/peers-today.sh PACKAGE...    without a name: all of them, which takes hours and 25 GB of downloads
# Seen with torch 2.13.0 (CPU), Python 3.11.7; the output is the table of docs/peers.md.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
install pillow==13.0.0
TORCH="torch==2.13.0"
# Bytecode is made of what is imported, not of all that is installed.
export OMP_NUM_THREADS=1 MPLBACKEND=Agg PIP_NO_COMPILE=1

# package=module to import
ALL="mmv-im2im=mmv_im2im pytorch-image-translation-models=src modulaic=modulaic upit=upit careamics=careamics monai=monai
ganslate=ganslate pix2pixhd=pix2pixhd torchgan=torchgan vintagify=vintagify image-to-image=image_to_image
torch-mimicry=torch_mimicry basicsr=basicsr mmagic=mmagic lightning-bolts=pl_bolts pytorch-lightning-bolts=pl_bolts
deepliif=deepliif"

# A pair is six squares of another grey each, and their negatives.
python - "$folder/pairs" <<'PY'
import pathlib, sys
from PIL import Image
for side in "AB":
    (pathlib.Path(sys.argv[1]) / side).mkdir(parents=True)
for number in range(6):
    for side, turn in (("A", 0), ("B", 255)):
        picture = Image.linear_gradient("L").resize((64, 64)).rotate(30 * number).point(lambda v: abs(turn - v))
        picture.convert("RGB").save(f"{sys.argv[1]}/{side}/{number}.png")
PY

# What pip and pydantic print below an error.
PIP_SAYS='^\s*$\|^WARNING\|^\s*note: \|^hint: \|^error: \|^\s*×\|^\s*│\|^\s*╰\|\[end of output\]\|^ *For further information'

# run LIMIT COMMAND...: "yes", or "no" with the last line that was printed; all of it goes to the log.
run() {
    local limit=$1 status=0
    shift
    echo "+ $*" >>"$log"
    timeout -k 5 "$limit" bash -c "$*" >"$folder/step" 2>&1 || status=$?
    cat "$folder/step" >>"$log"
    case $status in
        0) echo yes ;;
        124 | 137) echo "no: not done after $limit s" ;;
        *) echo "no: $(grep -v "$PIP_SAYS" "$folder/step" | tail -n 1 | sed "s#$folder/##g; s/^ *//" | cut -c 1-160 | tr '|`' "/'")" ;;
    esac
}

# The commands of a step, if findings/peers/ has any; "none": the package offers no such thing.
try() {
    case $1 in
        "") echo "not tried" ;;
        none) echo "offers none" ;;
        *) run 300 "$enter $1" ;;
    esac
}

# A torch for the CPU beside the torchvision of PyPI, which is built for CUDA, ends every import of torchvision. That is
# no fault of a peer: the operators that it misses are declared before the import (pytorch issue 122494).
mend_torchvision() {
    local site said
    said=$("$1/bin/python" -c "import torchvision" 2>&1) || true
    [[ $said == *"torchvision::nms does not exist"* ]] || return 0
    site=$("$1/bin/python" -c "import site; print(site.getsitepackages()[0])")
    cat >"$site/sitecustomize.py" <<'PY'
import sys
class Declare:
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision":
            sys.meta_path.remove(self)
            import torch
            sys.torchvision_operators = torch.library.Library("torchvision", "FRAGMENT")
            sys.torchvision_operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            sys.torchvision_operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
sys.meta_path.insert(0, Declare())
PY
}

peer() {
    local enter name=$1 module=$2 work="$folder/$1" torch=$TORCH requirement=$1
    local train="" evaluate="" resume="" export="" note=""
    local installs imports=- trains=- evaluates=- resumes=- exports=- version=-
    log="$folder/$name.log"
    [ -f "$here/peers/$name.sh" ] && . "$here/peers/$name.sh"
    mkdir -p "$work" && cp -r "$folder/pairs" "$work/pairs"
    python -m venv "$work/venv"
    enter="cd $work && export PATH=$work/venv/bin:\$PATH &&"
    installs=$(run 900 "$enter python -m pip install -q '$torch' '$requirement'")
    if [ "$installs" = yes ]; then
        version=$("$work/venv/bin/python" -c "import importlib.metadata as m; print(m.version('$name'))")
        mend_torchvision "$work/venv"
        imports=$(run 180 "$enter python -c 'import $module'")
    fi
    if [ "$imports" = yes ]; then
        trains=$(try "$train")
    fi
    if [ "$trains" = yes ]; then
        evaluates=$(try "$evaluate") resumes=$(try "$resume") exports=$(try "$export")
    fi
    rm -rf "$work"
    row "$name" "$version" "$installs" "$imports" "$trains" "$evaluates" "$resumes" "$exports" "$note"
}

# The row of a package in the page takes the place of its earlier one.
row() {
    python - "$here/../docs/peers.md" "$(date -u +%F)" "$@" <<'PY'
import pathlib, sys
page, date, name, version, *cells = sys.argv[1:]
*steps, note = cells
reasons = [s.removeprefix("no: ") for s in steps if s.startswith("no: ")]
short = ["no" if s.startswith("no: ") else s for s in steps]
seen = "; ".join([*(f"`{r}`" for r in reasons), *([note] if note else [])])
line = f"| {name} {version} | {date} | {' | '.join(short)} | {seen} |"
path = pathlib.Path(page)
lines = path.read_text("utf-8").splitlines()
path.write_text("\n".join(line if l.startswith(f"| {name} ") else l for l in lines) + "\n", "utf-8")
print(line)
PY
    mkdir -p "${LOGS:-$folder/logs}" && cp "$log" "${LOGS:-$folder/logs}/"
}

for pair in $ALL; do
    case " $* " in
        "  " | *" ${pair%=*} "*) peer "${pair%=*}" "${pair#*=}" ;;
    esac
done
