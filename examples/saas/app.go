package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

// An app is the service: its parts and, in the other files, what it does.
type app struct {
	config   config
	log      *slog.Logger
	db       *database
	policy   *rbac.Policy
	members  *members.Store
	identity *identity
	limits   *limits
	userinfo *userinfo // nil if the issuer is not asked
	health   health
	handler  http.Handler
	router   *router
}

// openApp puts the service together, and closes id if it fails. It opens the
// database; the issuer of the tokens need not be up.
func openApp(ctx context.Context, c config, log *slog.Logger, id *identity) (*app, error) {
	db, err := openDatabase(ctx, &c, log)
	if err != nil {
		return nil, errors.Join(err, id.close())
	}
	a := &app{config: c, log: log, db: db, policy: rbac.DefaultPolicy(), identity: id, userinfo: newUserinfo(&c)}
	if a.limits, err = newLimits(&c, log); err != nil {
		return nil, errors.Join(err, a.close())
	}
	id.refusing = a.limits.byFailure(a.fail)
	options := &members.Options{InvitationKeys: [][]byte{c.invitationKey(log)}}
	if a.members, err = members.New(members.Dialect(db.dialect), a.policy, options); err == nil {
		err = a.members.Check(ctx, db.reader)
	}
	if err != nil {
		return nil, errors.Join(err, a.close())
	}
	a.health.log, a.health.checks = log, a.checks()
	a.router = newRouter(a.routes(), a.guard, a.act)
	a.handler = a.layers(a.router)
	return a, nil
}

// close ends what openApp began.
func (a *app) close() error {
	a.userinfo.close()
	if a.limits != nil {
		return errors.Join(a.identity.close(), a.limits.close(), a.db.close())
	}
	return errors.Join(a.identity.close(), a.db.close())
}
