from imtrans import Component, hookimpl
@hookimpl
def imtrans_logged(run, epoch): pass
