"""Access: who may ask and write, how often, and what every request passes before it is looked at."""
