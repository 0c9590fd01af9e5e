module github.com/rowhouse-go/rowhouse/internal/integration

go 1.26.0

require github.com/rowhouse-go/rowhouse v0.1.0

replace github.com/rowhouse-go/rowhouse => ../..
