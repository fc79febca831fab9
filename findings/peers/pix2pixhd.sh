# pix2pixhd by its own command, from its README and options: pairs of pictures instead of labels, on the CPU (gpu_ids -1),
# without its VGG loss, whose weights are a download.
size="--dataroot data --label_nc 0 --no_instance --loadSize 64 --fineSize 64 --ngf 8 --n_downsample_global 2 --gpu_ids -1"
step="--name peer $size --ndf 8 --no_vgg_loss --batchSize 2 --niter_decay 0 --save_epoch_freq 1 --nThreads 0"
train="mkdir data && cp -r pairs/A data/train_A && cp -r pairs/B data/train_B && pix2pixhd-train $step --niter 1"
resume="pix2pixhd-train $step --niter 2 --continue_train && ls checkpoints/peer/2_net_G.pth"
evaluate=none
export="cp -r pairs/A data/test_A && pix2pixhd-test --name peer $size --export_onnx model.onnx && ls model.onnx"
note="by its own command, without a GPU"
