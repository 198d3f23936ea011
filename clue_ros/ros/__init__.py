"""The ROS 2 half: nodes, conversions, a client. The only package here that imports rclpy."""
