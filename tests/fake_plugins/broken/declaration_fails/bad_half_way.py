from imtrans import Component, hookimpl

@hookimpl
def imtrans_provide():
    yield from [Component(kind="activation", name="half", target="torch.nn:Softplus", summary="smooth")]
    raise OSError('gone')
