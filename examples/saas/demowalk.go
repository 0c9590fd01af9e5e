//go:build !production

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// A walk asks a running service for one thing after the other and prints what was
// asked, what came back, and whether that is right.
type walk struct {
	ctx    context.Context //nolint:containedctx // one walk is one call of demo
	out    io.Writer
	base   string
	client *http.Client
	issuer *authtest.Issuer

	database *config // of a walk on PostgreSQL
	scene    *scene  // that too
	redis    string  // its URL; empty without
	slow     *slowIssuer

	tokens         map[string]string // by person
	people         map[string]string // their ids
	acme, globex   string            // the organizations' paths
	passed, failed int
}

func newWalk(ctx context.Context, out io.Writer) *walk {
	return &walk{
		ctx: ctx, out: out, client: &http.Client{Timeout: 10 * time.Second},
		tokens: make(map[string]string), people: make(map[string]string),
	}
}

// A request is what a step asks. The zero fields mean: nobody's token, no body.
type request struct {
	as     string // whose token
	token  string // a token of its own, instead
	do     string // "GET /path"
	body   string
	header map[string][]string // replaces what would be sent
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// A wish is what an answer should have besides its status; the text says what is
// missing.
type wish func(answer) string

func has(field, value string) wish {
	return func(a answer) string {
		var all map[string]any
		if json.Unmarshal(a.body, &all) != nil || fmt.Sprint(all[field]) != value {
			return fmt.Sprintf("%s should be %q", field, value)
		}
		return ""
	}
}

func says(text string) wish {
	return func(a answer) string {
		if !bytes.Contains(a.body, []byte(text)) {
			return fmt.Sprintf("the answer should say %q", text)
		}
		return ""
	}
}

func silentOn(text string) wish {
	return func(a answer) string {
		if bytes.Contains(a.body, []byte(text)) {
			return fmt.Sprintf("the answer should not say %q", text)
		}
		return ""
	}
}

// part prints a heading.
func (w *walk) part(title string) { say(w.out, "\n%s\n", title) }

// step asks and judges the answer.
func (w *walk) step(what string, ask request, status int, wishes ...wish) answer {
	a, err := w.send(ask)
	fault := ""
	switch {
	case err != nil:
		fault = err.Error()
	case a.status != status:
		fault = fmt.Sprintf("the status should be %d", status)
	case status >= 400 && a.header.Get("Content-Type") != "application/problem+json":
		fault = "the answer should be a problem document"
	}
	for _, wish := range wishes {
		if fault == "" {
			fault = wish(a)
		}
	}
	w.note(what, fmt.Sprintf("%s → %d %s", short(ask.do+strings.TrimRight(" "+cut(ask.body, 100), " ")), a.status, a.summary()), fault)
	return a
}

// note prints one step and counts it.
func (w *walk) note(what, happened, fault string) {
	if fault == "" {
		w.passed++
		say(w.out, "  ok    %s\n        %s\n", what, happened)
		return
	}
	w.failed++
	say(w.out, "  FAIL  %s: %s\n        %s\n", what, fault, happened)
}

func (w *walk) send(ask request) (answer, error) {
	method, path, _ := strings.Cut(ask.do, " ")
	r, err := http.NewRequestWithContext(w.ctx, method, w.base+path, strings.NewReader(ask.body))
	if err != nil {
		return answer{}, err
	}
	token := ask.token
	if ask.as != "" {
		token = w.tokens[ask.as]
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if ask.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(r.Header, ask.header)
	resp, err := w.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return answer{resp.StatusCode, resp.Header, body}, err
}

// summary is the answer in at most a line.
func (a answer) summary() string {
	var p problem
	if a.status >= 400 && json.Unmarshal(a.body, &p) == nil {
		var text strings.Builder
		text.WriteString(p.Detail)
		for _, f := range p.Errors {
			text.WriteString(" " + f.Field + ": " + f.Detail + ".")
		}
		return text.String()
	}
	return cut(short(strings.TrimSpace(string(a.body))), 100)
}

var longWord = regexp.MustCompile(`[A-Za-z0-9_-]{20,}`)

// short cuts ids and tokens down to a few characters.
func short(text string) string {
	return longWord.ReplaceAllStringFunc(text, func(id string) string {
		if strings.ToLower(id) == id && !strings.ContainsAny(id, "0123456789") {
			return id // a word
		}
		return id[:4] + "…" + id[len(id)-4:]
	})
}
