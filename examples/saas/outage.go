package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// isOutage tells a database that can't answer now, so that asking again later may
// help, from a fault of this program.
func isOutage(err error) bool {
	if errors.Is(err, errNoDatabase) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err) {
		return true // the last two: the server went in the middle of a statement, or before it
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return isSQLiteOutage(e.Code())
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return isPostgresOutage(e.Code)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}

// isGone reports whether a row refers to one that was deleted while the transaction
// waited: in PostgreSQL an organization can end between any two statements.
func isGone(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "23503"
}

func isSQLiteOutage(code int) bool {
	switch code & 0xff { // the low byte is the primary result code
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT:
		return true
	}
	return false
}

// isPostgresOutage judges by the class of the error, the first two characters of
// its code: no connection, serialization failure or deadlock, no resources, the
// operator's doing, the system's; and by a lock that could not be had.
func isPostgresOutage(code string) bool {
	if len(code) != 5 {
		return false
	}
	switch code[:2] {
	case "08", "40", "53", "57", "58":
		return true
	}
	return code == "55P03"
}
