"""What is on a photo: its pins, cut out, and their keypoints; `comparing` lays two pictures of pins together."""
