package spool

// inode is what the file system calls a file.
type inode struct{ dev, ino uint64 }
