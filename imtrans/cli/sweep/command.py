"""imtrans sweep"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from imtrans.cli.comparison.run_comparison import points_up
from imtrans.cli.session import Session
from imtrans.cli.shared.command_config import ConfigFlags, configured
from imtrans.cli.shared.mistakes import check_recipe
from imtrans.cli.sweep import plan as plans
from imtrans.cli.sweep.plan import SweepPlan
from imtrans.errors import ConfigError

LOOK = 1.0  # seconds between two looks at trainings that a killed worker left


@click.command("sweep")
@click.argument("file", metavar="FILE.toml")
@click.option("--json", "as_json", is_flag=True, help="Print the result for machines.")
@click.pass_obj
def command(session: Session, file: str, as_json: bool) -> None:
    """Train a recipe many times with values drawn by Optuna, and name the best run (extra sweep).

    Call it several times at once for several workers; what was stopped goes on with the same command."""
    plan = plans.read(Path(file))
    higher = _checked(session, plan)
    from imtrans.cli.sweep import page
    from imtrans.cli.sweep.storage import opened

    study = opened(plan, is_higher=higher)
    _work(session, plan, study)
    result = page.write(plan, study, is_higher=higher)
    click.echo(json.dumps(result, indent=1) if as_json else page.text(result))


def _checked(session: Session, plan: SweepPlan) -> bool:
    """Whether higher is better; all that can be refused is refused before the first training."""
    check_recipe(session.catalog, plan.recipe)
    higher = points_up(plan.metric, session.catalog)
    if higher is None:
        raise ConfigError(f"metric = {plan.metric!r}: there is none", hint="imtrans list metrics shows them")
    flags: Any = {key: str(value) for key, value in plan.run.items()}
    for values in _samples(plan):
        configured(session.catalog, plan.recipe, ConfigFlags(**flags, settings=tuple(plan.settings(values))))
    return higher


def _samples(plan: SweepPlan) -> Iterator[dict[str, Any]]:
    """Values with which each of those in [search], the ends of ranges as well, occurs at least once."""
    each = {k: v if isinstance(v, list) else [v["low"], v["high"]] for k, v in plan.search.items()}
    for index in range(max(len(values) for values in each.values())):
        yield {key: values[min(index, len(values) - 1)] for key, values in each.items()}


def _work(session: Session, plan: SweepPlan, study: Any) -> None:
    """Run trials until all have been begun and none of a killed worker is left."""
    from imtrans.cli.sweep.study import dropped, is_lost, position, take_up, trials

    while True:
        for number in take_up(study, plan):
            click.echo(f"Note: trial {number} had lost its process and is taken up again", err=True)
        every = trials(study)
        if any(t.state.name == "WAITING" for t in every) or position(every, len(every) + plan.trials) < plan.trials:
            _one(session, plan, study)
        elif dropped(study) or any(is_lost(t) for t in trials(study, "RUNNING")):
            time.sleep(LOOK)  # a training still runs without a worker, or a worker gives values on
        else:
            return


def _one(session: Session, plan: SweepPlan, study: Any) -> None:
    from imtrans.cli.sweep import study as studies
    from imtrans.cli.sweep.sampler import drawn
    from imtrans.cli.sweep.trial_run import run_trial
    from imtrans.engine.checkpoints.checkpoint_paths import RUNS

    trial = study.ask()
    studies.sign(trial)
    is_again = studies.ORIGIN in trial.user_attrs
    if not is_again and studies.position(studies.trials(study), trial.number) >= plan.trials:
        # Two workers that both saw one trial left to begin.
        trial.set_user_attr(studies.SURPLUS, True)
        studies.tell(study, trial, "FAIL")
        return
    values, name = drawn(plan, trial), studies.run_name(plan, trial)
    click.echo(f"{name}: {', '.join(plan.settings(values)[-len(values) :])}", err=True)
    before = list(session.arguments)[: list(session.arguments).index("sweep")]
    line = [*before, "run", plan.recipe, *plan.flags(values), "--name", name, "--resume"]
    state, value, note = run_trial(plan, trial, line, folder=RUNS / name)
    studies.tell(study, trial, state, value=value, note=note)
