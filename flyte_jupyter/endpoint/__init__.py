"""A Flyte 2 endpoint in one process, over the same store and places to run (extra ``[endpoint]``).

Clients that speak the Flyte 2 protocol submit runs here; such runs outlive kernels.
"""
