from imtrans import Component, hookimpl
@hookimpl
def imtrans_provide(): raise RuntimeError('no')
