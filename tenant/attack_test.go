package tenant_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// A site is a service of three tenants. Ada belongs to acme and to both, Bob to other.
// X-User stands for an authenticated person.
type site struct {
	addr  string
	asked atomic.Int64 // look-ups
}

type userKey struct{}

func openSite(t *testing.T) *site {
	t.Helper()
	s := &site{}
	members := map[string]bool{"ada/acme": true, "ada/both": true, "bob/other": true}
	m := tenant.Membership(func(ctx context.Context, claimed string) (context.Context, tenant.ID, error) {
		s.asked.Add(1)
		id, err := tenant.ParseSlug(claimed)
		if err == nil && !members[fmt.Sprint(ctx.Value(userKey{}), "/", claimed)] {
			err = tenant.ErrNotMember
		}
		return ctx, id, err
	})
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := tenant.FromContext(r.Context())
		fmt.Fprintf(w, "in %s %v", id, err)
	})
	header, path, host := tenant.FromHeader("X-Tenant-ID"), tenant.FromPath("org"), tenant.FromSubdomain("example.com")
	mux := http.NewServeMux()
	mux.Handle("/header", tenant.Middleware(header, m, nil)(answer))
	mux.Handle("/host", tenant.Middleware(host, m, nil)(answer))
	mux.Handle("/orgs/{org}/x", tenant.Middleware(path, m, nil)(answer))
	mux.Handle("/first/{org...}", tenant.Middleware(tenant.First(path, header, host), m, nil)(answer))
	mux.Handle("/agree/{org}", tenant.Middleware(tenant.Agree(path, header), m, nil)(answer))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, r.Header.Get("X-User"))))
	}))
	t.Cleanup(server.Close)
	s.addr = server.Listener.Addr().String()
	return s
}

// send writes a request as it stands and returns the answer without its date.
func (s *site) send(t *testing.T, raw string) (status int, header http.Header, body string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.addr)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	_, _ = io.WriteString(conn, raw) // the server may answer and close before it has read all
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	resp.Header.Del("Date")
	return resp.StatusCode, resp.Header, string(text)
}

// get is a request of Ada's with one Host and the header lines that are given.
func get(target string, lines ...string) string {
	return "GET " + target + " HTTP/1.1\r\n" + strings.Join(append([]string{"Host: example.com", "X-User: ada"}, lines...), "\r\n") + "\r\n\r\n"
}

func TestAttacks(t *testing.T) {
	t.Parallel()
	s := openSite(t)
	host := func(target, host string, lines ...string) string {
		return strings.Replace(get(target, lines...), "Host: example.com", host, 1)
	}
	for name, c := range map[string]struct {
		raw    string
		status int
		in     string // of 200
	}{
		"header":              {get("/header", "X-Tenant-ID: acme"), 200, "acme"},
		"header, spaced":      {get("/header", "x-tenant-id: \t acme \t"), 200, "acme"},
		"header missing":      {get("/header"), 400, ""},
		"header empty":        {get("/header", "X-Tenant-ID:"), 400, ""},
		"foreign":             {get("/header", "X-Tenant-ID: other"), 404, ""},
		"unknown":             {get("/header", "X-Tenant-ID: nobody"), 404, ""},
		"another spelling":    {get("/header", "X-Tenant-ID: Acme"), 404, ""},
		"two lines":           {get("/header", "X-Tenant-ID: acme", "X-Tenant-ID: other"), 400, ""},
		"two lines, reversed": {get("/header", "X-Tenant-ID: other", "X-Tenant-ID: acme"), 400, ""},
		"two equal lines":     {get("/header", "X-Tenant-ID: acme", "x-tenant-id: acme"), 400, ""},
		"a line and none":     {get("/header", "X-Tenant-ID: acme", "X-Tenant-ID:"), 400, ""},
		"a list":              {get("/header", "X-Tenant-ID: acme, other"), 400, ""},
		"a tight list":        {get("/header", "X-Tenant-ID: acme,other"), 400, ""},
		"a folded line":       {get("/header", "X-Tenant-ID: acme\r\n other"), 404, ""},
		"space before colon":  {get("/header", "X-Tenant-ID : acme"), 400, ""},
		"bare CR":             {get("/header", "X-Tenant-ID: acme\rX-Tenant-ID: other"), 400, ""},
		"NUL":                 {get("/header", "X-Tenant-ID: acme\x00"), 400, ""},
		"not ASCII":           {get("/header", "X-Tenant-ID: \u0430cme"), 404, ""},
		"SQL":                 {get("/header", "X-Tenant-ID: acme'OR'1'='1"), 404, ""},
		"huge":                {get("/header", "X-Tenant-ID: "+strings.Repeat("a", 1<<19)), 404, ""},
		"underscores":         {get("/header", "X_Tenant_ID: acme"), 400, ""},
		"query":               {get("/header?X-Tenant-ID=acme&tenant_id=acme"), 400, ""},
		"trailer": {
			"POST /header HTTP/1.1\r\nHost: example.com\r\nX-User: ada\r\nTrailer: X-Tenant-ID\r\n" +
				"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Tenant-ID: acme\r\n\r\n", 400, "",
		},

		"path":              {get("/orgs/acme/x"), 200, "acme"},
		"path, encoded":     {get("/orgs/%61cme/x"), 200, "acme"},
		"path, foreign":     {get("/orgs/other/x"), 404, ""},
		"path, CRLF":        {get("/orgs/acme%0d%0aX-Tenant-ID:%20other/x"), 404, ""},
		"path, NUL":         {get("/orgs/acme%00/x"), 404, ""},
		"path, dots":        {get("/orgs/acme%2f..%2fother/x"), 404, ""},
		"path, dots, plain": {get("/orgs/acme/../other/x"), 307, ""}, // the mux sends the client to /orgs/other/x
		"path, twice":       {get("/orgs/%2561cme/x"), 404, ""},
		"path, huge":        {get("/orgs/" + strings.Repeat("a", 1<<19) + "/x"), 404, ""},
		"path, parameters":  {get("/orgs/acme;org=other/x"), 404, ""},
		"path, query":       {get("/orgs/acme/x?org=other"), 200, "acme"},

		"host":                   {host("/host", "Host: acme.example.com"), 200, "acme"},
		"host, same":             {host("/host", "Host: ACME.Example.com.:80"), 200, "acme"},
		"host, base":             {host("/host", "Host: example.com"), 400, ""},
		"host, address":          {host("/host", "Host: [::1]:80"), 400, ""},
		"host, none":             {host("/host", "Host:"), 400, ""},
		"host, HTTP/1.0":         {"GET /host HTTP/1.0\r\nX-User: ada\r\n\r\n", 400, ""},
		"host, elsewhere":        {host("/host", "Host: acme.example.com.evil.com"), 400, ""},
		"host, foreign":          {host("/host", "Host: other.example.com"), 404, ""},
		"host, nested":           {host("/host", "Host: other.acme.example.com"), 404, ""},
		"host, two":              {host("/host", "Host: acme.example.com\r\nHost: other.example.com"), 400, ""},
		"host, two equal":        {host("/host", "Host: acme.example.com\r\nHost: acme.example.com"), 400, ""},
		"host, forwarded":        {host("/host", "Host: other.example.com", "X-Forwarded-Host: acme.example.com", "Forwarded: host=acme.example.com"), 404, ""},
		"host, only forwarded":   {get("/host", "X-Forwarded-Host: acme.example.com", "X-Original-Host: acme.example.com"), 400, ""},
		"host, not ASCII":        {host("/host", "Host: \u212aelvin.example.com"), 400, ""},
		"host, absolute form":    {host("http://acme.example.com/host", "Host: other.example.com"), 200, "acme"}, // RFC 9112 §3.2.2
		"host, absolute foreign": {host("http://other.example.com/host", "Host: acme.example.com"), 404, ""},
		"host, user info":        {host("/host", "Host: evil:80@acme.example.com"), 400, ""},
		"host, huge":             {host("/host", "Host: "+strings.Repeat("a.", 1<<18)+"example.com"), 404, ""},

		"first, path":       {get("/first/acme"), 200, "acme"},
		"first, header":     {get("/first/", "X-Tenant-ID: acme"), 200, "acme"},
		"first, host":       {host("/first/", "Host: acme.example.com"), 200, "acme"},
		"first, equal":      {host("/first/acme", "Host: acme.example.com", "X-Tenant-ID: acme"), 200, "acme"},
		"first, none":       {get("/first/"), 400, ""},
		"first, two mine":   {get("/first/acme", "X-Tenant-ID: both"), 400, ""},
		"first, mine first": {get("/first/acme", "X-Tenant-ID: other"), 400, ""},
		"first, host last":  {host("/first/acme", "Host: other.example.com"), 400, ""},
		"first, bad last":   {get("/first/acme", "X-Tenant-ID: a b"), 404, ""},
		"first, two lines":  {get("/first/acme", "X-Tenant-ID: acme", "X-Tenant-ID: acme"), 400, ""},

		"agree":          {get("/agree/acme", "X-Tenant-ID: acme"), 200, "acme"},
		"agree, one":     {get("/agree/acme"), 400, ""},
		"agree, differs": {get("/agree/acme", "X-Tenant-ID: both"), 400, ""},
		"agree, foreign": {get("/agree/other", "X-Tenant-ID: other"), 404, ""},
	} {
		status, _, body := s.send(t, c.raw)
		require.Equal(t, c.status, status, name)
		if status == 200 {
			require.Equal(t, "in "+c.in+" <nil>", body, name)
		} else {
			require.NotContains(t, body, "acme", name)
			require.NotContains(t, body, "in ", name)
		}
	}
}

// On the wire too, a stranger can't tell what is there.
func TestStrangersGetOneAnswer(t *testing.T) {
	t.Parallel()
	s := openSite(t)
	_, wantHeader, wantBody := s.send(t, get("/header", "X-Tenant-ID: nobody"))
	require.Equal(t, int64(1), s.asked.Load())
	for raw, asks := range map[string]int64{
		get("/header", "X-Tenant-ID: other"):                           1,
		get("/header", "X-Tenant-ID: OTHER"):                           1,
		get("/orgs/other/x"):                                           1,
		get("/orgs/nobody/x"):                                          1,
		get("/orgs/..%2fother/x"):                                      1,
		get("/orgs/other%00/x"):                                        0,
		get("/header", "X-Tenant-ID: "+strings.Repeat("a", 1<<16)):     0,
		strings.Replace(get("/host"), "example", "other.example", 1):   1,
		strings.Replace(get("/host"), "example", "nobody.example", 1):  1,
		strings.Replace(get("/host"), "example", "a.other.example", 1): 0,
	} {
		before := s.asked.Load()
		status, header, body := s.send(t, raw)
		require.Equal(t, 404, status)
		require.Equal(t, wantHeader, header, "%.80q", raw)
		require.Equal(t, wantBody, body, "%.80q", raw)
		require.Equal(t, asks, s.asked.Load()-before, "%.80q: what exists and what does not cost the same", raw)
	}
}
