"""Other people's TRPO and natural gradients, asked by `npgkit.conformance`.

A module a library: an adapter puts a case's weights, rows and settings into the library's own
objects, runs the library's own code, and reads what came.
"""
