package main

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"time"
)

// A zipFile is one file of a module zip: on disk, or rewritten in memory.
type zipFile struct {
	name string // relative to the module's folder, slash-separated
	disk string
	data []byte // nil: the file on disk
}

func (f zipFile) Path() string { return f.name }

func (f zipFile) Lstat() (fs.FileInfo, error) {
	if f.data != nil {
		return memoryInfo{f}, nil
	}
	return os.Lstat(f.disk)
}

func (f zipFile) Open() (io.ReadCloser, error) {
	if f.data != nil {
		return io.NopCloser(bytes.NewReader(f.data)), nil
	}
	return os.Open(f.disk)
}

// memoryInfo describes the rewritten content of a zipFile.
type memoryInfo struct{ f zipFile }

func (i memoryInfo) Name() string     { return i.f.name }
func (i memoryInfo) Size() int64      { return int64(len(i.f.data)) }
func (memoryInfo) Mode() fs.FileMode  { return 0o644 }
func (memoryInfo) ModTime() time.Time { return time.Time{} }
func (memoryInfo) IsDir() bool        { return false }
func (memoryInfo) Sys() any           { return nil }
