# careamics from Python, as the docstrings of CAREamist and create_care_config say: CARE, supervised, one channel.
cat >"$folder/care.py" <<'PY'
import sys
import numpy as np
from PIL import Image
from careamics import CAREamist
from careamics.config.factories.care_n2n_factory import create_advanced_care_config

A, B = (np.stack([np.asarray(Image.open(f"pairs/{s}/{i}.png").convert("L"), np.float32) for i in range(6)]) for s in "AB")
data = dict(train_data=A, train_data_target=B, val_data=A[:2], val_data_target=B[:2])

def fresh(epochs):
    config = create_advanced_care_config(
        experiment_name="peer", data_type="array", axes="SYX", patch_size=(64, 64), batch_size=2, num_epochs=epochs,
        num_steps=3, num_workers=0, model_params={"depth": 2, "num_channels_init": 8}, seed=1)
    return CAREamist(config, work_dir="out", enable_progress_bar=False)

if sys.argv[1] == "train":
    fresh(1).train(**data)
else:
    last = sorted(__import__("pathlib").Path("out").rglob("*.ckpt"))[-1]
    model = CAREamist(checkpoint_path=last, work_dir="out2", enable_progress_bar=False)
    if sys.argv[1] == "resume":
        model.trainer.fit_loop.max_epochs = 2
        model.train(**data)
        assert model.trainer.global_step == 6, model.trainer.global_step
    else:
        model.export_to_bmz("model.zip", "peer", A[:1], authors=[{"name": "x"}], general_description="x", data_description="x")
PY
train="python $folder/care.py train"
resume="python $folder/care.py resume"
export="python $folder/care.py export"
note="from Python; CARE, a supervised method without a discriminator"
