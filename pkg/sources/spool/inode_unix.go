//go:build unix

package spool

import (
	"io/fs"
	"syscall"
)

// inodeOf gives the identity of a file that was looked at, and the number of
// names that it has.
func inodeOf(_ string, info fs.FileInfo) (id inode, links uint64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}, 1
	}
	return inode{dev: uint64(st.Dev), ino: st.Ino}, uint64(st.Nlink) //nolint:unconvert // the types differ between systems
}
