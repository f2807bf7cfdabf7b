"""What the server of processes has loaded before it forks: all that a run would spend its first seconds importing."""

import sys

# Spark, which Great Expectations imports where it is installed, takes a main module without a file for a doctest and
# ends the process.
sys.modules["__main__"].__file__ = __file__

import pipelines.cli  # noqa: E402
import pipelines.quality.expectations  # noqa: E402
import pipelines.run  # noqa: E402, F401
