package retry

import (
	"database/sql/driver"
	"errors"
	"strings"
)

// TransientSQL reports whether err is a failure of a database that may be gone on the
// next try:
//
//	SQLSTATE 40001, 40P01           serialization failure, deadlock
//	SQLSTATE 08xxx                  connection exceptions
//	SQLSTATE 57P01, 57P02, 57P03    the server shuts down, crashed or starts
//	SQLSTATE 53300                  too many connections
//	SQLite's BUSY and LOCKED        their extended codes too, such as BUSY_SNAPSHOT
//	driver.ErrBadConn, SafeToRetry  the driver says that nothing was sent
//	what TransientNet reports
//
// No driver is imported. The SQLSTATE is found by a method SQLState() string, which
// the errors of pgx and lib/pq have, SQLite's code by Code() int (modernc.org/sqlite),
// and SafeToRetry() bool is pgx's. Other drivers need a function of their own, in
// [Policy.Retryable].
//
// A statement that failed so outside a transaction may have taken effect, if the
// connection was lost before its answer. [Tx] knows where in a transaction an error
// came, and retries on part of this list only.
func TransientSQL(err error) bool {
	if err == nil {
		return false
	}
	if conflict(err) {
		return true
	}
	if state := sqlState(err); state != "" {
		switch state {
		case "57P01", "57P02", "57P03", "53300":
			return true
		}
		return strings.HasPrefix(state, "08")
	}
	return errors.Is(err, driver.ErrBadConn) || notSent(err) || TransientNet(err)
}

// conflict reports whether err says that the transaction lost against another one,
// and has to be run again from its start.
func conflict(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01":
		return true
	}
	code := sqliteCode(err)
	return code == sqliteBusy || code == sqliteLocked
}

// rolledBack reports whether err, which came from a commit, proves that nothing was
// committed. PostgreSQL answers a refused COMMIT with the reason. The exceptions are
// of a server or a pooler that fails meanwhile: a session that is ended while it
// waits for a standby has committed, and says 57P01.
func rolledBack(err error) bool {
	if state := sqlState(err); len(state) == 5 && state != "40003" { // statement completion unknown
		switch state[:2] {
		case "08", "53", "57", "58", "XX":
			return false
		}
		return true
	}
	switch sqliteCode(err) {
	case sqliteBusy, sqliteLocked, sqliteFull, sqliteConstraint:
		return true
	}
	// A statement failed before, f said nothing of it, and PostgreSQL's answer to
	// COMMIT was ROLLBACK. The words are pgx's (ErrTxCommitRollback) and lib/pq's.
	// SafeToRetry is no proof here: pgx v5.12.0 says so of a COMMIT whose answer was
	// lost.
	return strings.Contains(err.Error(), "commit unexpectedly resulted in rollback") ||
		strings.Contains(err.Error(), "Could not complete operation in a failed transaction")
}

// sqlState returns the SQLSTATE of err, "" if it has none.
func sqlState(err error) string {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return e.SQLState()
	}
	return ""
}

// SQLite's primary result codes: https://www.sqlite.org/rescode.html.
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteFull       = 13
	sqliteConstraint = 19
)

// sqliteCode returns the primary result code of err, 0 if it has none. The extended
// codes keep it in their lowest byte.
func sqliteCode(err error) int {
	if e, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// notSent reports whether the driver says that it sent nothing to the server.
func notSent(err error) bool {
	e, ok := errors.AsType[interface {
		error
		SafeToRetry() bool
	}](err)
	return ok && e.SafeToRetry()
}
