# modulaic by its own command, from its README and cli.py: a manifest of pairs, each with a vector of conditions.
requirement="modulaic[data,metrics]"
cat >"$folder/manifest.py" <<'PY'
import json
pairs = [{"input": f"pairs/A/{i}.png", "target": f"pairs/B/{i}.png", "condition": [0.0]} for i in range(6)]
json.dump({"examples": pairs}, open("manifest.json", "w"))
open("config.yaml", "w").write("""
model: {condition_dim: 1, depth: 4, base_channels: 8, discriminator_base_channels: 8}
training: {epochs: 1, batch_size: 2, num_workers: 0}
""")
PY
train="python $folder/manifest.py && modulaic train --config config.yaml"
evaluate="modulaic evaluate --config config.yaml --checkpoint checkpoints/checkpoint_epoch_0001.pt"
resume="modulaic train --config config.yaml --resume && ls checkpoints/checkpoint_epoch_0002.pt"
export=none
note="by its own command"
