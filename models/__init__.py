"""Networks: what they are, how they are trained, and what they say of images. Needs the extra `train`."""
