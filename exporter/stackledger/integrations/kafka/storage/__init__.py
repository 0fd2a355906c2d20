"""Log directories and the bytes in them: the slow lane's disks."""
