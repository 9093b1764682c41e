"""Images made elsewhere: how they lie on a disk, the prompt of each, and their pixels."""
