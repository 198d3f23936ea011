"""Plain records and rules of the method. NumPy only: usable on a client without torch or ROS."""
