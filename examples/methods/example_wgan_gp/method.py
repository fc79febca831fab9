import torch

from imtrans.kit.bases import BaseMethod
from imtrans.kit.random import uniform


def gradient_penalty(*, context):
    def penalty(discriminator, batch, fake):
        share = uniform(batch.draws, 1, stream="gradient-penalty").float().view(-1, 1, 1, 1).to(fake.device)
        between = (batch.target * share + fake.detach() * (1 - share)).requires_grad_()
        (logits,) = discriminator(batch.source, between).logits
        (gradient,) = torch.autograd.grad(logits.sum(), between, create_graph=True)
        return (gradient.flatten(1).norm(dim=1) - 1).square().mean()

    return penalty


class WassersteinGAN(BaseMethod):
    def __init__(self, *, generator, critic, penalty, reconstruction, policy, updates):
        self.networks = {"generator": generator, "critic": critic}
        self.generator, self.critic, self.updates = generator, critic, updates
        self.penalty, self.reconstruction, self.policy = penalty, reconstruction, policy

    def train_step(self, batch, update, *, step):
        fake = self.generator(batch.source)
        for _ in range(self.updates):
            distance = self._score(batch.source, fake.detach()) - self._score(batch.source, batch.target)
            update({"critic": distance})
            update({"critic": self.penalty(self.critic, batch, fake)})  # a penalty alone is an update, too
        loss = self.reconstruction(fake, batch.target) - self._score(batch.source, fake)
        update({"generator": loss})
        return {"distance": distance.detach(), "generator": loss.detach()}

    def _score(self, source, image):
        return self.critic(source, image).logits[0].mean()

    def translate(self, source, *, extras=None, seed=None):
        return self.generator(source)
