package harness

import "syscall"

// endWithParent has the kernel kill the child when its parent ends, however
// that comes.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
