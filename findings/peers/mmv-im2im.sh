# mmv-im2im by its own command, from its README and its presets: a folder of TIFF files NAME_IM and NAME_GT, one channel. First
# its preset for pix2pixHD, then the one for a supervised network (labelfree_2d), both small, and both with MONAI's name of
# today for the transform AddChanneld, which MONAI has taken out.
cat >"$folder/tiffs.py" <<'PY'
import pathlib
import mmv_im2im
import numpy as np
import tifffile
import yaml
from PIL import Image

pathlib.Path("data").mkdir()
for i in range(6):
    for side, kind in ("A", "IM"), ("B", "GT"):
        tifffile.imwrite(f"data/{i}_{kind}.tiff", np.asarray(Image.open(f"pairs/{side}/{i}.png").convert("L")))
presets = pathlib.Path(mmv_im2im.__file__).parent / "configs"
for name in "pix2pixhd_2d", "labelfree_2d":
    config = yaml.safe_load((presets / f"preset_train_{name}.yaml").read_text())
    loader = {"dataloader_type": {"module_name": "monai.data", "func_name": "Dataset"},
              "dataloader_params": {"batch_size": 1, "num_workers": 0}}
    config["data"] |= {"data_path": "data", "dataloader": {"train_val_ratio": 0.5, "train": loader, "val": loader}}
    for step in config["data"]["preprocess"]:
        if step["func_name"] == "AddChanneld":
            step["func_name"] = "EnsureChannelFirstd"
            step["params"]["channel_dim"] = "no_channel"
        if step["func_name"] == "RandSpatialCropSamplesd":
            step["params"] |= {"num_samples": 1, "roi_size": [64, 64]}
    config["trainer"]["params"] |= {"accelerator": "cpu", "precision": 32, "max_epochs": 1}
    pathlib.Path(f"{name}.yaml").write_text(yaml.safe_dump(config))
PY
cat >"$folder/both.sh" <<'SH'
reasons=""
for name in pix2pixhd_2d labelfree_2d; do
    run_im2im --config $name.yaml >$name.log 2>&1 && exit 0
    cat $name.log
    reasons="$reasons$name: $(grep -m 1 '^[A-Za-z]*Error:' $name.log); "
done
echo "${reasons%; }"
exit 1
SH
train="python $folder/tiffs.py && bash $folder/both.sh"
note="by its own command, without a GPU"
