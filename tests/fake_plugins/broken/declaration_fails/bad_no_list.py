from imtrans import Component, hookimpl
@hookimpl
def imtrans_provide(): return 3
