from imtrans import Component, hookimpl

def imtrans_provide():
    return [Component(kind="activation", name="NAME", target="torch.nn:Softplus", summary="smooth")]
