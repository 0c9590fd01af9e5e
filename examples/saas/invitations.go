package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"time"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
	"github.com/rowhouse-go/rowhouse/tenant"
)

// An invitation is the pending offer of a role to whoever reads an address.
type invitation struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Role      rbac.Role `json:"role"`
	Inviter   string    `json:"inviter"` // a person's id
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`

	// Token is told once, to the inviter, who hands it on. It proves nothing by
	// itself: acceptance also takes the invited address, verified by the issuer.
	Token string `json:"token,omitempty"`
}

type invitationBody struct {
	Email string `json:"email"`
	Role  string `json:"role"`
}

func (b invitationBody) check() []fieldFault {
	return append(required("email", b.Email), required("role", b.Role)...)
}

// An acceptBody has the token in the body: paths and queries end up in logs.
type acceptBody struct {
	Token string `json:"token"`
}

func (b acceptBody) check() []fieldFault { return required("token", b.Token) }

// shown is an invitation as the organization's people see it.
func shown(i members.Invitation) invitation {
	return invitation{i.ID, i.Email, i.Role, personID(i.Inviter), i.CreatedAt, i.ExpiresAt, ""}
}

func (a *app) listInvitations(w http.ResponseWriter, r *http.Request) error {
	where, err := readPage(r)
	if err != nil {
		return err
	}
	var p page[invitation]
	err = a.db.read(r.Context(), func(ctx context.Context, tx *tenant.Tx) error {
		list, next, err := a.members.Invitations(ctx, tx.Unscoped("members"), r.PathValue("org"), where)
		p = page[invitation]{Items: []invitation{}, Next: next}
		for _, one := range list {
			p.Items = append(p.Items, shown(one))
		}
		return err
	})
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, p)
}

func (a *app) invite(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody[invitationBody](r)
	if err != nil {
		return err
	}
	role, faults := a.roleField("role", body.Role)
	if len(faults) > 0 {
		return invalid(faults...)
	}
	if !a.config.emailAuthoritative() {
		return invitationsOff()
	}
	var made invitation
	err = a.changeMembers(r, func(ctx context.Context, tx tenant.Plain, org, actor string) error {
		i, err := a.members.Invite(ctx, tx, org, actor, body.Email, role)
		if err != nil {
			return err
		}
		made = shown(i)
		made.Token, err = a.members.Token(ctx, tx, org, i.ID)
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/organizations/"+r.PathValue("org")+"/invitations/"+made.ID)
	return reply(w, http.StatusCreated, made)
}

func (a *app) revokeInvitation(w http.ResponseWriter, r *http.Request) error {
	err := a.changeMembers(r, func(ctx context.Context, tx tenant.Plain, org, actor string) error {
		return a.members.Revoke(ctx, tx, org, actor, r.PathValue("invitation"))
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// acceptInvitation makes the caller a member. The token says which organization;
// the issuer's word, that the caller is the one invited. Who lacks an address is
// told so before the token is looked at, and learns nothing about it.
func (a *app) acceptInvitation(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody[acceptBody](r)
	if err != nil {
		return err
	}
	if !a.config.emailAuthoritative() {
		return invitationsOff()
	}
	email, err := a.verifiedEmail(r)
	if err != nil {
		return err
	}
	if email == "" {
		return plain(http.StatusForbidden, "An invitation is accepted with an e-mail address that your sign-in provider has verified. It names none for you.")
	}
	org, err := a.invitedTo(r, body.Token)
	if err != nil {
		return err
	}
	var o organization
	err = a.db.write(tenant.NewContext(r.Context(), org), func(ctx context.Context, tx *tenant.Tx) error {
		i, err := a.members.Accept(ctx, tx.Unscoped("members"), org.String(), body.Token, caller(r), members.VerifiedEmail(email))
		if err != nil {
			return err
		}
		o, err = findOrganization(ctx, tx)
		o.Role = i.Role
		return err
	})
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, o)
}

// invitedTo returns the organization of a token. Nothing else is known yet, so
// nothing is decided here.
func (a *app) invitedTo(r *http.Request, token string) (org tenant.ID, err error) {
	err = a.db.readAs(r.Context(), caller(r), func(ctx context.Context, q members.Querier) error {
		found, _, err := a.members.FindInvitation(ctx, q, token)
		if err != nil {
			return err
		}
		org, err = tenant.ParseID(found)
		return err
	})
	return org, err
}

// emailAuthoritative reports whether the issuer's email_verified is to be believed.
// That of the development identity is the service itself.
func (c *config) emailAuthoritative() bool {
	return c.AuthEmailAuthoritative || c.insecureDevIdentity && c.AuthProviderType == ""
}

// invitationKey returns the secret that tokens of invitations are derived from.
func (c *config) invitationKey(log *slog.Logger) []byte {
	key, _ := base64.StdEncoding.DecodeString(c.InvitationKey) // loadConfig has judged it
	if len(key) == 0 {
		log.Warn("INVITATION_KEY is not set: one is made up, for development only")
		key = make([]byte, minInvitationKey)
		_, _ = rand.Read(key) // never fails
	}
	return key
}
