"""The trained networks and what runs them: PyTorch where it is installed, ONNX Runtime elsewhere.

Both give the same answers from the same weights. Whoever asks a network hands over and gets numpy arrays, and never
knows which of the two runs it: `loading` chooses, as `processor.runtime` says. The modules that need PyTorch are
`outline_net`, `twin_net` and parts of `weights`; they are imported only where it runs. ONNX Runtime is given graphs
that `onnx_graphs` writes from the same weights: there is no second file to keep in step, and a model that was trained
elsewhere runs too.
"""
