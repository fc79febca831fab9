"""The hooks of a run, called so that an observer that fails is left out and never stops training."""

import sys
from collections.abc import Mapping
from typing import Any

import pluggy

from imtrans.errors import PluginError


def register(manager: pluggy.PluginManager, observers: Mapping[str, Any]) -> None:
    """Let the hooks of these observers, by their names, be called. PluginError for one whose hooks are wrong."""
    for name, observer in observers.items():
        full_name = f"observer:{name}"
        manager.unregister(name=full_name) if manager.has_plugin(full_name) else None
        try:
            manager.register(observer, name=full_name)
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(f"observer {name!r}: {error}", hint="Tell its authors.") from None


class HookCaller:
    """Calls the observers' hooks; nothing is called unless `is_on`: in other processes than the first."""

    def __init__(self, manager: pluggy.PluginManager, *, is_on: bool = True) -> None:
        self._manager, self._is_on = manager, is_on
        self._failed: list[Any] = []

    def notify(self, event: str, **values: Any) -> None:
        """Call the hook imtrans_`event` of every observer that has not failed yet."""
        # In the order of registration, unlike get_plugins().
        for _, plugin in self._manager.list_name_plugin() if self._is_on else ():
            if plugin is not None and plugin not in self._failed:
                self._call(plugin, f"imtrans_{event}", values)

    def _call(self, plugin: Any, hook: str, values: dict[str, Any]) -> None:
        # Called alone: within one call of pluggy the first failure would keep the hook from all plugins after it.
        others = [p for p in self._manager.get_plugins() if p is not plugin]
        try:
            self._manager.subset_hook_caller(hook, others)(**values)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code; training continues without it
            self._failed.append(plugin)
            name = self._manager.get_name(plugin)
            print(f"Warning: observer {name} failed and is left out: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
