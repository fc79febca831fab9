from imtrans import Component, hookimpl
@hookimpl
def imtrans_provid(): pass
