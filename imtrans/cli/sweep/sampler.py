"""How the values of a trial are drawn: a function of the sweep's seed and the number of the trial."""

from typing import Any

from optuna import pruners, samplers

from imtrans.cli.sweep.plan import SweepPlan
from imtrans.cli.sweep.study import origin, position
from imtrans.errors import ConfigError


class SeededByTrial(samplers.BaseSampler):
    """Optuna's sampler, made anew for each trial.

    One with a fixed seed would draw the first values again in every process that joins the study.
    """

    def __init__(self, plan: SweepPlan) -> None:
        self.plan = plan
        self._inner: Any = None

    def before_trial(self, study: Any, trial: Any) -> None:
        """Take the sampler of this trial."""
        seed = (self.plan.seed * 1_000_003 + trial.number) % 2**32
        is_random = self.plan.sampler == "random"
        self._inner = samplers.RandomSampler(seed) if is_random else samplers.TPESampler(seed=seed)
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
        """As Optuna's sampler says."""
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
        """As Optuna's sampler says."""
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """As Optuna's sampler says."""
        return self._inner.sample_independent(study, trial, param_name, param_distribution)


class NumberedGrid(samplers.BaseSampler):
    """The combinations in their order, each once over all processes.

    Optuna's own grid may give two workers the same one.
    """

    def __init__(self, plan: SweepPlan) -> None:
        self.grid = plan.grid

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:  # noqa: ARG002
        """Nothing: each value is looked up."""
        return {}

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:  # noqa: ARG002
        """Nothing: each value is looked up."""
        return {}

    def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:  # noqa: ARG002
        """The value of the trial's combination."""
        every = study.get_trials(deepcopy=False)
        return self.grid[position(every, origin(trial)) % len(self.grid)][param_name]


def sampler(plan: SweepPlan) -> Any:
    """The sampler of a plan."""
    return NumberedGrid(plan) if plan.sampler == "grid" else SeededByTrial(plan)


def pruner(plan: SweepPlan) -> Any:
    """The pruner of a plan."""
    made = {"none": pruners.NopPruner, "median": pruners.MedianPruner, "halving": pruners.SuccessiveHalvingPruner}
    return made[plan.pruner]()


def drawn(plan: SweepPlan, trial: Any) -> dict[str, Any]:
    """The values of a trial. ConfigError for a key whose values are not those that the study has."""
    found = {}
    for key, values in plan.search.items():
        try:
            found[key] = _drawn(trial, key, values)
        except ValueError as error:  # Optuna compares a list with that of earlier trials
            raise ConfigError(
                f"search.{key}: the study has other values ({error})",
                hint=f"Begin another sweep: give the file a name = ... other than {plan.name!r}",
            ) from None
    return found


def _drawn(trial: Any, key: str, values: Any) -> Any:
    if isinstance(values, list):
        return trial.suggest_categorical(key, values)
    low, high, log, step = values["low"], values["high"], bool(values.get("log")), values.get("step")
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(key, low, high, log=log, step=step or 1)
    return trial.suggest_float(key, low, high, log=log, step=step)
