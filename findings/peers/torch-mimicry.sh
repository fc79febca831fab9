# Tried by hand beside tensorboard, too: pip install torch-mimicry tensorboard; python -c "import torch_mimicry"
note="with tensorboard, which it does not declare: \`No module named 'torch._six'\`"
