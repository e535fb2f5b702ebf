package spool

import (
	"io/fs"
	"syscall"
)

// inode is what the file system calls a file.
type inode struct{ dev, ino uint64 }

// inodeOf also returns the number of names that the file has.
func inodeOf(info fs.FileInfo) (id inode, links uint64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}, 1
	}
	return inode{dev: uint64(st.Dev), ino: st.Ino}, uint64(st.Nlink) //nolint:unconvert // the types differ between systems
}
