package tenantpgx

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// acquire returns a connection and the function that gives it back. What is given
// back in the middle of something is closed.
type acquire func(context.Context) (*pgx.Conn, func(), error)

func fromPool(pool *pgxpool.Pool) acquire {
	return func(ctx context.Context) (*pgx.Conn, func(), error) {
		c, err := pool.Acquire(ctx)
		if err != nil {
			return nil, nil, err
		}
		return c.Conn(), c.Release, nil // Release looks at the state itself
	}
}

// fromSQL takes connections out of database/sql. They are used after Raw returned,
// as long as the *sql.Conn is kept: nobody else gets them before it is closed.
func fromSQL(db *sql.DB) acquire {
	return func(ctx context.Context) (*pgx.Conn, func(), error) {
		c, err := db.Conn(ctx)
		if err != nil {
			return nil, nil, err
		}
		var conn *pgx.Conn
		err = c.Raw(func(raw any) error {
			std, ok := raw.(*stdlib.Conn)
			if !ok {
				return fmt.Errorf("tenantpgx: the driver's connection is %T, not *stdlib.Conn of pgx", raw)
			}
			conn = std.Conn()
			return nil
		})
		if err != nil {
			_ = c.Close()
			return nil, nil, err
		}
		return conn, func() {
			_ = c.Raw(func(any) error {
				if conn.IsClosed() || conn.PgConn().IsBusy() || conn.PgConn().TxStatus() != idle {
					return driver.ErrBadConn // database/sql closes it
				}
				return nil
			})
			_ = c.Close()
		}, nil
	}
}

const (
	idle           = 'I' // the status of a connection outside of transactions
	rollbackWithin = 5 * time.Second
)

// lastly returns a context for rolling back, whatever became of ctx.
func lastly(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), rollbackWithin)
}
