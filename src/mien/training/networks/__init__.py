"""The networks that mien trains: crops as pixels in, (n, channels, size, size) uint8, logits of each head out."""
