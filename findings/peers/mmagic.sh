# Its README installs mmcv by another tool (mim), from wheels for certain torches or from source: not tried.
note="mmcv, which its README installs by a tool of its own, was not tried"
