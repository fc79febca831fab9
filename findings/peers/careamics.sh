# careamics from Python, as the docstrings of CAREamist and create_care_config say: CARE on arrays of one channel. Its newest
# release asks for an older torch; beside torch 2.13.0 pip takes a release from before its first one, which is not tried.
torch="torch==2.11.0" requirement="careamics==0.3.5"
cat >"$folder/care.py" <<'PY'
import pathlib, sys
import numpy as np
from PIL import Image
from careamics import CAREamist
from careamics.config.factories import create_advanced_care_config
from careamics.metrics.metrics import psnr

A, B = (np.stack([np.asarray(Image.open(f"pairs/{s}/{i}.png").convert("L"), np.float32) for i in range(6)]) for s in "AB")
data = dict(train_data=A, train_data_target=B, val_data=A[:2], val_data_target=B[:2])

if sys.argv[1] == "train":
    config = create_advanced_care_config(
        experiment_name="peer", data_type="array", axes="SYX", patch_size=(64, 64), batch_size=2, num_epochs=1, num_steps=3,
        num_workers=0, model_params={"depth": 2, "num_channels_init": 8}, seed=1)
    CAREamist(config, work_dir="out", enable_progress_bar=False).train(**data)
else:
    last = sorted(pathlib.Path("out").rglob("*.ckpt"))[-1]
    model = CAREamist(checkpoint_path=last, work_dir="again", enable_progress_bar=False)
if sys.argv[1] == "resume":
    model.trainer.fit_loop.max_epochs = 2
    model.train(**data)
    assert model.trainer.global_step == 6, f"{model.trainer.global_step} steps"
if sys.argv[1] == "evaluate":
    predicted, _ = model.predict(A)
    print(psnr(B, np.concatenate(predicted).reshape(B.shape), data_range=255))
if sys.argv[1] == "export":
    model.export_to_bmz("model.zip", "peer-model", A[:1], authors=[{"name": "somebody"}], general_description="x", data_description="x")
PY
train="python $folder/care.py train"
evaluate="python $folder/care.py evaluate"
resume="python $folder/care.py resume"
export="python $folder/care.py export"
note="from Python, with torch 2.11.0; CARE, a supervised method without a discriminator; with pydantic 2.12.5 in place of 2.14.1 its export worked"
