# upit from Python, as its README says: CycleGAN on two folders; four of six images fill a batch, so three epochs are three
# steps. A run goes on by fastai's learn.save and learn.load. Its one metric is the FID with
# torchvision's Inception weights, which are a download: not tried.
cat >"$folder/cycle.py" <<'PY'
import sys
from fastai.vision.all import *
from upit.data.unpaired import *
from upit.models.cyclegan import *
from upit.train.cyclegan import *
from upit.inference.cyclegan import export_generator

def fresh():
    dls = get_dls("pairs/A", "pairs/B", load_size=64, crop_size=64, num_workers=0)
    return cycle_learner(dls, CycleGAN(3, 3, 16), opt_func=partial(Adam, mom=0.5, sqr_mom=0.999), show_imgs=False)

learn = fresh()
if sys.argv[1] == "train":
    learn.fit_flat_lin(2, 1, 2e-4)
    learn.save("peer")
else:
    learn.create_opt()
    learn.load("peer", with_opt=True)
if sys.argv[1] == "resume":
    learn.fit_flat_lin(2, 1, 2e-4)
if sys.argv[1] == "export":
    export_generator(learn, "generator")
    assert Path("generator.pth").stat().st_size
PY
train="python $folder/cycle.py train"
resume="python $folder/cycle.py resume"
export="python $folder/cycle.py export"
note="from Python; CycleGAN, unpaired; going on, \`Could not load the optimizer state\` is a warning; the export is a file of weights"
