"""Pictures to train and test with: pins struck and photographed by our own code, boards packed with them."""
