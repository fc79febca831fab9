import torch
from torch import nn

from imtrans.kit.bases import BaseMethod
from imtrans.kit.random import uniform


def denoiser(*, width, activation, context):
    data_spec = context.data_spec
    return Denoiser(
        data_spec.source.num_channels,
        data_spec.target.num_channels,
        width=width,
        activation=lambda: context.make("activation", activation),
    )


class Denoiser(nn.Module):
    def __init__(self, source, target, *, width, activation):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(source + target + 1, width, 3, padding=1), activation(), nn.Conv2d(width, target, 3, padding=1)
        )

    def forward(self, source, noisy, time):
        clock = time.view(-1, 1, 1, 1).expand(-1, 1, *noisy.shape[2:])
        return self.layers(torch.cat([source, noisy, clock], dim=1))


def diffusion(*, context, **parts):
    return Diffusion(**parts, planes=context.data_spec.target.num_channels)


class Diffusion(BaseMethod):
    def __init__(self, *, denoiser, loss, policy, planes):
        self.networks = {"denoiser": denoiser}
        self.denoiser, self.loss, self.policy, self.planes = denoiser, loss, policy, planes

    def train_step(self, batch, update, *, step):
        time = uniform(batch.draws, 1, stream="diffusion-time").float().to(batch.target.device)
        noise, share = torch.randn_like(batch.target), time.view(-1, 1, 1, 1)
        noisy = batch.target * share + noise * (1 - share)
        loss = self.loss(self.denoiser(batch.source, noisy, time), batch.target - noise)
        update({"denoiser": loss})
        return {"loss": loss.detach()}

    def translate(self, source, *, extras=None, seed=None):
        image = torch.randn(source.shape[0], self.planes, *source.shape[2:], device=source.device)
        for i in range(self.policy.steps):
            time = torch.full((source.shape[0],), i / self.policy.steps, device=source.device)
            image = image + self.denoiser(source, image, time) / self.policy.steps
        return image
