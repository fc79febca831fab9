"""Where the study of a sweep lies: SQLite, PostgreSQL or a journal file."""

import random
import re
import time
from pathlib import Path
from typing import Any

from imtrans.cli.sweep.plan import SweepPlan
from imtrans.errors import ConfigError

JOURNAL = "journal:"


def opened(plan: SweepPlan, *, is_higher: bool) -> Any:
    """The study of the plan, made at the first call. ConfigError for a storage that cannot be opened."""
    from imtrans.kit.pretrained import installed

    optuna: Any = installed("optuna", needed_by="imtrans sweep", extra="sweep")
    from imtrans.cli.sweep.sampler import pruner, sampler

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    plan.folder.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        storage=_storage(optuna, plan),
        study_name=plan.name,
        load_if_exists=True,
        direction="maximize" if is_higher else "minimize",
        sampler=sampler(plan),
        pruner=pruner(plan),
    )


def _storage(optuna: Any, plan: SweepPlan) -> Any:
    if plan.storage.startswith(JOURNAL):
        from imtrans.cli.sweep.journal import journal

        return journal(Path(plan.storage.removeprefix(JOURNAL)))
    url = plan.storage or f"sqlite:///{plan.folder / 'study.db'}"
    waits = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    for trial in range(8):
        try:
            return optuna.storages.RDBStorage(url, engine_kwargs=waits)
        except ImportError:
            hint = "For PostgreSQL: pip install 'psycopg[binary]'; see docs/sweeps.md"
            raise ConfigError(f"storage {_shown(url)}: its driver is not installed", hint=hint) from None
        except Exception as error:  # noqa: BLE001 - two processes that make the tables at once: of many classes
            if trial == 7:
                fault = " ".join(str(error).split())[:160].replace(url, _shown(url))
                raise ConfigError(f"storage {_shown(url)}: {fault}", hint="See docs/sweeps.md") from None
            time.sleep(random.uniform(0.1, 0.5))
    raise AssertionError


def _shown(url: str) -> str:
    """An address without its password."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)
