"""What is on a photo: its pins, cut out, their keypoints, and how two pictures of pins compare."""
