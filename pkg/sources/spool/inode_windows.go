package spool

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

// inodeOf gives the identity of the file at path, and the number of names that
// it has; none where it cannot be opened.
func inodeOf(path string, _ fs.FileInfo) (id inode, links uint64) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return inode{}, 1
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(name, 0, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return inode{}, 1
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &info); err != nil {
		return inode{}, 1
	}
	return inode{
		dev: uint64(info.VolumeSerialNumber),
		ino: uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow),
	}, uint64(info.NumberOfLinks)
}
