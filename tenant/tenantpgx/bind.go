package tenantpgx

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// bind returns the statement and its arguments with the tenant among them. pgx
// takes leading arguments of some types as options: the tenant would then stand in
// the place of another one.
func bind(s *tenant.Statements, statement text, id tenant.ID, args []any) (string, []any, error) {
	for _, arg := range args {
		switch arg.(type) {
		case pgx.QueryRewriter, pgx.QueryExecMode, pgx.QueryResultFormats, pgx.QueryResultFormatsByOID:
			return "", nil, fmt.Errorf("%w: a %T among the arguments, an option of pgx (%.60q)", tenant.ErrStatement, arg, statement)
		}
	}
	return s.Bind(string(statement), id, args)
}

// sameTenant returns nil if ctx carries id.
func sameTenant(ctx context.Context, id tenant.ID) error {
	got, err := tenant.FromContext(ctx)
	if err == nil && got != id {
		err = tenant.ErrOtherTenant
	}
	return err
}
