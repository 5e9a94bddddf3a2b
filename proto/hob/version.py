"""The version of this release, for all programs of it and for the package.

Must be a literal: the build reads it from here, and asking the installed package takes 17 ms.
"""

VERSION = "0.1.0"
