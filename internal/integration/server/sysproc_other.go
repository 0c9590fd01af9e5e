//go:build !linux

package server

import "syscall"

// dieWithParent is a Linux power; elsewhere a killed test process leaves its
// servers behind.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
