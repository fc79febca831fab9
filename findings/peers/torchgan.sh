# torchgan from Python, as its tutorial on CycleGAN does it: a generator and a loss of one's own in its Trainer, which writes
# pictures and a checkpoint after each epoch. Two of six pairs fill a batch, so an epoch is three steps.
cat >"$folder/pairs.py" <<'PY'
import sys
import torch
from PIL import Image
from torch.optim import Adam
from torch.utils.data import DataLoader, TensorDataset
from torchgan.losses import GeneratorLoss, LeastSquaresDiscriminatorLoss
from torchgan.models import DCGANDiscriminator, Generator
from torchgan.trainer import Trainer

def stack(side):
    pictures = [Image.open(f"pairs/{side}/{i}.png") for i in range(6)]
    return torch.stack([torch.tensor(list(p.tobytes())).reshape(64, 64, 3).permute(2, 0, 1) / 127.5 - 1 for p in pictures])

A, B = stack("A"), stack("B")

class Translator(Generator):
    def __init__(self):
        super().__init__(encoding_dims=0)
        self.net = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 3, 3, padding=1), torch.nn.Tanh())

    def forward(self, source):
        return self.net(source)

    def sampler(self, sample_size, device):
        return [A[:sample_size].to(device)]

class PairedLoss(GeneratorLoss):
    def train_ops(self, generator, discriminator, optimizer_generator, real_inputs, labels):
        optimizer_generator.zero_grad()
        fake = generator(labels)
        loss = (discriminator(fake) - 1).square().mean() + 100 * (fake - real_inputs).abs().mean()
        loss.backward()
        optimizer_generator.step()
        return loss.item()

class PairedDiscriminatorLoss(LeastSquaresDiscriminatorLoss):
    def train_ops(self, generator, discriminator, optimizer_discriminator, real_inputs, labels):
        optimizer_discriminator.zero_grad()
        loss = self.forward(discriminator(real_inputs), discriminator(generator(labels).detach()))
        loss.backward()
        optimizer_discriminator.step()
        return loss.item()

adam = {"name": Adam, "args": {"lr": 2e-4, "betas": (0.5, 0.999)}}
models = {
    "generator": {"name": Translator, "optimizer": adam},
    "discriminator": {"name": DCGANDiscriminator, "args": {"in_size": 64, "in_channels": 3, "step_channels": 8}, "optimizer": adam},
}
trainer = Trainer(models, [PairedLoss(), PairedDiscriminatorLoss()], device=torch.device("cpu"),
                  epochs=int(sys.argv[1]), sample_size=2, checkpoints="model/gan", recon="images")
if sys.argv[2:]:
    trainer.load_model(sys.argv[2])
trainer(DataLoader(TensorDataset(B, A), batch_size=2))
PY
train="python $folder/pairs.py 1"
evaluate=""
resume="python $folder/pairs.py 2 model/gan0.model"
export=none
note="from Python"
