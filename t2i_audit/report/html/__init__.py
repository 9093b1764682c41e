"""Reports as one HTML file each, which opens without a network and makes no request."""
