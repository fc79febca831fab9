# vintagify from Python: its README has only the translation, its modules also the preparation of a folder and the training
# (CycleGAN, unpaired). Two of six images fill a batch, so an epoch is three steps; a second call finds the checkpoints.
cat >"$folder/vintage.py" <<'PY'
import sys
from vintagify.batch_preprocess import batch_preprocess
from vintagify.train import train

for side in "AB":
    batch_preprocess(f"pairs/{side}", f"tensors/{side}", image_size=64)
train("tensors/A", "tensors/B", epochs=int(sys.argv[1]), batch_size=2, save_dir="checkpoints")
PY
train="python $folder/vintage.py 1 | tee said && ls checkpoints/G_A2B_epoch1.pth && ! grep Skipping said"
evaluate=none
resume="python $folder/vintage.py 2 && ls checkpoints/G_A2B_epoch2.pth"
export=none
note="from Python; CycleGAN, unpaired"
