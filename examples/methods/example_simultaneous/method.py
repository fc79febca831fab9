from imtrans.kit.bases import BaseMethod


class Simultaneous(BaseMethod):
    def __init__(self, *, generator, discriminator, adversarial, reconstruction, policy):
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.generator, self.discriminator = generator, discriminator
        self.adversarial, self.reconstruction, self.policy = adversarial, reconstruction, policy

    def train_step(self, batch, update, *, step):
        fake = self.generator(batch.source)
        on_real = self.discriminator(batch.source, batch.target)
        on_fake = self.discriminator(batch.source, fake)  # with gradients: shared by both losses
        loss_d = self.adversarial.discriminator_loss(on_real, on_fake)
        loss_g = self.adversarial.generator_loss(on_fake) + self.reconstruction(fake, batch.target)
        update({"discriminator": loss_d, "generator": loss_g})
        return {"discriminator": loss_d.detach(), "generator": loss_g.detach()}

    def translate(self, source, *, extras=None, seed=None):
        return self.generator(source)

    def state_dict(self):
        return {"steps_seen": 1}

    def load_state_dict(self, state):
        assert state["steps_seen"] == 1
