"""Image quality measures against images whose faults are known."""
