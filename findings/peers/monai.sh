# monai from Python, as its documentation has it: its transforms, its U-Net and its trainer and evaluator (extra: ignite), with
# its handlers for checkpoints; a supervised translation. Two of six pairs fill a batch, so an epoch is three steps.
requirement="monai[ignite,pillow]"
cat >"$folder/supervised.py" <<'PY'
import pathlib, sys
import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import CheckpointLoader, CheckpointSaver, MeanSquaredError, from_engine
from monai.networks.nets import UNet
from monai.networks.utils import convert_to_torchscript
from monai.transforms import Compose, LoadImaged, ScaleIntensityRanged

keys = ["image", "label"]
steps = Compose([LoadImaged(keys, ensure_channel_first=True), ScaleIntensityRanged(keys, 0, 255, -1, 1)])
pairs = [{"image": f"pairs/A/{i}.png", "label": f"pairs/B/{i}.png"} for i in range(6)]
loader = DataLoader(Dataset(pairs, steps), batch_size=2)
net = UNet(spatial_dims=2, in_channels=3, out_channels=3, channels=(8, 16, 32), strides=(2, 2))
optimizer = torch.optim.Adam(net.parameters(), 2e-4)
state = {"net": net, "optimizer": optimizer}
saved = str(next(pathlib.Path("out").rglob("*.pt"), ""))
loaders = [CheckpointLoader(saved, {**state})] if saved else []
cpu = torch.device("cpu")

if sys.argv[1] in ("train", "resume"):
    trainer = SupervisedTrainer(cpu, int(sys.argv[2]), loader, net, optimizer, torch.nn.L1Loss(), train_handlers=loaders)
    state["trainer"] = trainer
    CheckpointSaver("out", state, save_final=True).attach(trainer)
    if saved:
        loaders[0].load_dict["trainer"] = trainer
    trainer.run()
    assert trainer.state.iteration == 3 * int(sys.argv[2]), trainer.state
    assert next(iter(optimizer.state.values()))["step"] == trainer.state.iteration
elif sys.argv[1] == "evaluate":
    metric = MeanSquaredError(output_transform=from_engine(["pred", "label"]))
    evaluator = SupervisedEvaluator(cpu, loader, net, key_val_metric={"mse": metric}, val_handlers=loaders)
    evaluator.run()
    print(evaluator.state.metrics["mse"])
else:
    net.load_state_dict(torch.load(saved)["net"])
    convert_to_torchscript(net, "model.ts", verify=True, inputs=[torch.rand(1, 3, 64, 64)])
PY
train="python $folder/supervised.py train 1"
evaluate="python $folder/supervised.py evaluate"
resume="python $folder/supervised.py resume 2"
export="python $folder/supervised.py export"
note="from Python; supervised, with its own trainer"
