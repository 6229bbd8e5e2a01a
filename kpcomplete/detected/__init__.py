"""Known people in 3D as a lifter gets them in use: detected, doubted, completed."""
