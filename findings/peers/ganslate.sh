# ganslate by its own command, from its README and the configuration that `ganslate your-first-run` writes: pix2pix on folders A
# and B. It needs GitPython, which it does not declare: that is added once the command has said so.
cat >"$folder/pix2pix.yaml" <<'YAML'
train:
  output_dir: out
  cuda: false
  n_iters: 3
  n_iters_decay: 0
  batch_size: 2
  logging: {freq: 1}
  checkpointing: {freq: 3}
  dataset:
    _target_: ganslate.data.PairedImageDataset
    root: pairs
    num_workers: 0
    preprocess: [resize]
    load_size: [64, 64]
    final_size: [64, 64]
  gan:
    _target_: ganslate.nn.gans.paired.Pix2PixConditionalGAN
    generator: {_target_: ganslate.nn.generators.Resnet2D, n_residual_blocks: 1, in_out_channels: {AB: [3, 3]}}
    discriminator: {_target_: ganslate.nn.discriminators.PatchGAN2D, n_layers: 2, in_channels: {B: 6}}
YAML
first="ganslate train config=$folder/pix2pix.yaml"
train="$first || { python -m pip install -q gitpython && $first; }"
note="by its own command, with GitPython, which it does not declare"
