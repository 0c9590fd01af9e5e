package server

import "syscall"

// dieWithParent has the kernel kill the server when the test process dies
// without having stopped it.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
