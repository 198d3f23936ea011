"""CLUE: interactive visual grounding that knows when to ask.

The package is one of two halves on a robot: this source tree, and the message, service and action
modules that rosidl generates under the same name. ``extend_path`` merges both, so that
``clue_ros.msg`` is found beside ``clue_ros.core`` wherever each is installed.
"""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
__version__ = '0.1.0'
