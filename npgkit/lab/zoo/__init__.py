"""Chapter 14: a right program, twelve wrong ones, two worlds to run them in, and tests of tests."""

from npgkit.lab.zoo.exhibits import EXHIBITS, Exhibit, right_program
from npgkit.lab.zoo.mutation import caught_by, check_test
from npgkit.lab.zoo.worlds import Drone, Pole

__all__ = ["EXHIBITS", "Drone", "Exhibit", "Pole", "caught_by", "check_test", "right_program"]
