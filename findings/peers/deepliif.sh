# Its newest release asks for torch 2.8.0; beside torch 2.13.0 pip takes an older one, which builds an old numpy.
torch="torch==2.8.0" requirement="deepliif==1.2.7"
note="with torch 2.8.0, which it asks for: visdom, which it needs, does not build; its README has Python 3.8"
