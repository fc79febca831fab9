from imtrans.kit.bases import BaseMethod
from imtrans.kit.nn import ImagePool


class CycleGAN(BaseMethod):
    def __init__(self, *, forward, backward, judge_target, judge_source, adversarial, cycle, policy, pool_size):
        self.networks = {
            "forward": forward,
            "backward": backward,
            "judge_target": judge_target,
            "judge_source": judge_source,
        }
        self.forward, self.backward = forward, backward
        self.judge_target, self.judge_source = judge_target, judge_source
        self.adversarial, self.cycle, self.policy = adversarial, cycle, policy
        self.pools = {"source": ImagePool(pool_size), "target": ImagePool(pool_size)}

    def train_step(self, batch, update, *, step):
        to_target, to_source = self.forward(batch.source), self.backward(batch.target)
        back = self.cycle(self.backward(to_target), batch.source) + self.cycle(self.forward(to_source), batch.target)
        adversarial = self.adversarial.generator_loss(self.judge_target(None, to_target))
        adversarial = adversarial + self.adversarial.generator_loss(self.judge_source(None, to_source))
        update({"generators": adversarial + back})
        old_target = self.pools["target"](to_target, batch.draws)
        old_source = self.pools["source"](to_source, batch.draws)
        loss_d = self.adversarial.discriminator_loss(
            self.judge_target(None, batch.target), self.judge_target(None, old_target)
        )
        loss_d = loss_d + self.adversarial.discriminator_loss(
            self.judge_source(None, batch.source), self.judge_source(None, old_source)
        )
        update({"discriminators": loss_d / 2})
        return {"cycle": back.detach(), "adversarial": adversarial.detach(), "discriminators": loss_d.detach()}

    def translate(self, source, *, extras=None, seed=None):
        return self.forward(source)

    def state_dict(self):
        return {k: v for name, pool in self.pools.items() for k, v in pool.state_dict(name).items()}

    def load_state_dict(self, state):
        for name, pool in self.pools.items():
            pool.load_state_dict(state, name)
