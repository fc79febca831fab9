"""The version of the plugin interface, and which versions of it a plugin was written for."""

from typing import Any

from imtrans.errors import PluginError

# The first number rises when a plugin that worked may not work any more, the second when something is added.
API_VERSION = "1.0"
DECLARATION = "imtrans_api"


def check_api(plugin: Any) -> None:
    """Refuse a plugin whose `imtrans_api`, a range such as ">=1.0,<2", leaves out this version. Without one all fit."""
    declared = getattr(plugin, DECLARATION, None)
    if declared is None:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # few plugins declare one

    try:
        fits = SpecifierSet(str(declared)).contains(API_VERSION)
    except InvalidSpecifier:
        raise PluginError(f'its {DECLARATION} {str(declared)!r} is no range of versions, such as ">=1.0,<2"') from None
    if not fits:
        what = f"it was made for the plugin interface {declared}, and this imtrans has {API_VERSION}"
        raise PluginError(what, hint="Install another release of it, or of imtrans.")
