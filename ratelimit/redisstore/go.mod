module github.com/rowhouse-go/rowhouse/ratelimit/redisstore

go 1.26.0

require (
	github.com/redis/go-redis/v9 v9.23.0
	github.com/rowhouse-go/rowhouse v0.1.0
	github.com/stretchr/testify v1.12.1
)

replace github.com/rowhouse-go/rowhouse => ../..
