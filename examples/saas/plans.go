package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/rbac/members"
	"github.com/rowhouse-go/rowhouse/tenant"
)

// An organization is on a plan, a word beside its name, and PLAN_LIMITS says what
// the plan allows. Nobody changes it over HTTP: who is paid does, with the command
// plan.

type planKey struct{}

func withPlan(ctx context.Context, plan string) context.Context {
	return context.WithValue(ctx, planKey{}, plan)
}

// planOf returns what tells what the plan of the context's organization allows, nil
// for RATE_LIMITS.
func planOf(limits map[string]ratelimit.Limits) (func(context.Context, string) *ratelimit.Plan, error) {
	plans := make(map[string]*ratelimit.Plan, len(limits))
	for name, l := range limits {
		p, err := ratelimit.NewPlan(l)
		if err != nil {
			return nil, fmt.Errorf("plan %s: %w", name, err)
		}
		plans[name] = p
	}
	return func(ctx context.Context, _ string) *ratelimit.Plan {
		name, _ := ctx.Value(planKey{}).(string)
		return plans[name]
	}, nil
}

// findPlan reads the plan of an organization, in the transaction that has found the
// caller's membership. It is empty if there are no plans to tell apart.
func (a *app) findPlan(ctx context.Context, q members.Querier, org string) (plan string, err error) {
	if len(a.config.PlanLimits) == 0 {
		return "", nil
	}
	if err := q.QueryRowContext(ctx, `SELECT plan FROM organizations WHERE id = $1`, org).Scan(&plan); err != nil {
		return "", fmt.Errorf("organizations: plan: %w", err)
	}
	return plan, nil
}

// isPlan is the rule of the column.
func isPlan(name string) bool { return planName.MatchString(name) }

var planName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// setPlan puts the organization of the context on a plan.
func (d *database) setPlan(ctx context.Context, plan string) error {
	return d.write(ctx, func(ctx context.Context, tx *tenant.Tx) error {
		done, err := tx.Exec(ctx, `UPDATE organizations SET plan = $1 WHERE id = :tenant`, plan)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if err == nil && n == 0 {
			err = errors.New("there is no such organization")
		}
		return err
	})
}

// changePlan is the command plan.
func changePlan(ctx context.Context, environ map[string]string, org, plan string, stdout, stderr io.Writer) int {
	c, err := loadPlanConfig(environ)
	if err != nil {
		say(stderr, "saas: the configuration is not right:\n  %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
		return exitUsage
	}
	id, err := tenant.ParseID(org)
	if plans, _ := c.plans(); err != nil || plans[plan] == nil && plan != freePlan {
		say(stderr, "saas: plan: -organization must be the id of one, -name one of PLAN_LIMITS or %s\n", freePlan)
		return exitUsage
	}
	db, err := openDatabase(ctx, &c, newLog(c, stderr))
	if err == nil {
		err = errors.Join(db.setPlan(tenant.NewContext(ctx, id), plan), db.close())
	}
	if err != nil {
		say(stderr, "saas: plan: %v\n", err)
		return exitFailed
	}
	say(stdout, "%s is on the plan %s\n", id, plan)
	return exitDone
}

// freePlan is what organizations begin with: the default of the column.
const freePlan = "free"
