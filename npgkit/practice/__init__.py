"""The second floor: what needs Gymnasium, from environments to experiments over many seeds.

It stands on the mathematics in `npgkit` and is not known there: `import npgkit` asks for NumPy
alone, and offers the public names of this floor when they are asked for.
"""
