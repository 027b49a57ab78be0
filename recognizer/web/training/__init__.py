"""Training on the page: a model is trained, compared and promoted by commands of their own processes.

errand   one command in a process that ends with the service, and begins again with it
curves   what a run has learned so far, as lines to draw
pages    what an owner sees of it, and starts
"""
