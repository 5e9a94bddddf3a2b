"""The steps of setting up a checkout: an environment, a compiled engine, a starter model.

Must need nothing but Python's standard library, and must not be imported by the product.
Called by the scripts beside this folder.
"""
