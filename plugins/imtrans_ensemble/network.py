"""The members of an ensemble, each made as a generator of its own."""

from imtrans import ComponentRef
from imtrans.interfaces import Context
from imtrans.kit.ensemble import Ensemble


def ensemble(*, of: ComponentRef, members: int, context: Context) -> Ensemble:
    """`members` generators of one kind, each drawn after the one before it: no two begin alike."""
    return Ensemble([context.make("generator", of) for _ in range(members)])
