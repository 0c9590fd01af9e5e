module github.com/rowhouse-go/rowhouse/internal/tools

go 1.26.0
