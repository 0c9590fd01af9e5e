package tenant_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

var errDown = errors.New("pq: password authentication failed for user app")

// failedLookUp says that nothing is known, not that there is no claim.
var failedLookUp = &tenant.LookupError{Err: tenant.ErrNoTenant}

func request() *http.Request { return httptest.NewRequest(http.MethodGet, "/", nil) }

// says is a source with one answer.
func says(claimed string, err error) tenant.Resolver {
	return func(*http.Request) (string, error) { return claimed, err }
}

// requireClaim requires that resolve answers want, or an error that is, and no claim
// beside an error.
func requireClaim(t *testing.T, resolve tenant.Resolver, r *http.Request, want string, is error) {
	t.Helper()
	claimed, err := resolve(r)
	if is == nil {
		require.NoError(t, err)
	} else {
		require.ErrorIs(t, err, is)
	}
	require.Equal(t, want, claimed)
}

func TestFromHeader(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header http.Header
		want   string
		is     error
	}{
		"one":                {http.Header{"X-Tenant-Id": {"acme"}}, "acme", nil},
		"as written":         {http.Header{"X-Tenant-Id": {"ACME"}}, "ACME", nil},
		"longest":            {http.Header{"X-Tenant-Id": {strings.Repeat("a", 253)}}, strings.Repeat("a", 253), nil},
		"none":               {http.Header{"X-Tenant": {"acme"}}, "", tenant.ErrNoTenant},
		"no lines":           {http.Header{"X-Tenant-Id": {}}, "", tenant.ErrNoTenant},
		"empty":              {http.Header{"X-Tenant-Id": {""}}, "", tenant.ErrNoTenant},
		"two lines":          {http.Header{"X-Tenant-Id": {"acme", "other"}}, "", tenant.ErrConflict},
		"two equal lines":    {http.Header{"X-Tenant-Id": {"acme", "acme"}}, "", tenant.ErrConflict},
		"one line and empty": {http.Header{"X-Tenant-Id": {"acme", ""}}, "", tenant.ErrConflict},
		"a list":             {http.Header{"X-Tenant-Id": {"acme,other"}}, "", tenant.ErrConflict},
		"an equal list":      {http.Header{"X-Tenant-Id": {"acme,acme"}}, "", tenant.ErrConflict},
		"a spaced list":      {http.Header{"X-Tenant-Id": {"acme, other"}}, "", tenant.ErrConflict},
		"a list of one":      {http.Header{"X-Tenant-Id": {"acme,"}}, "", tenant.ErrConflict},
		"too long":           {http.Header{"X-Tenant-Id": {strings.Repeat("a", 254)}}, "", tenant.ErrInvalidID},
		"a huge list":        {http.Header{"X-Tenant-Id": {strings.Repeat(",", 1<<20)}}, "", tenant.ErrInvalidID},
		"line end":           {http.Header{"X-Tenant-Id": {"acme\r\nX-Other: x"}}, "", tenant.ErrInvalidID},
		"NUL":                {http.Header{"X-Tenant-Id": {"acme\x00"}}, "", tenant.ErrInvalidID},
		"space":              {http.Header{"X-Tenant-Id": {"ac me"}}, "", tenant.ErrInvalidID},
		"DEL":                {http.Header{"X-Tenant-Id": {"acme\x7f"}}, "", tenant.ErrInvalidID},
		"not ASCII":          {http.Header{"X-Tenant-Id": {"ac\u043ce"}}, "", tenant.ErrInvalidID},
		"not UTF-8":          {http.Header{"X-Tenant-Id": {"acme\xff"}}, "", tenant.ErrInvalidID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request()
			r.Header = c.header
			requireClaim(t, tenant.FromHeader("x-tenant-ID"), r, c.want, c.is)
		})
	}
	for _, name := range []string{"", "Host", "host", "X Tenant", "X-Tenant:", "X-Tenant\r\n", "X-T\u00e9nant"} {
		require.Panics(t, func() { tenant.FromHeader(name) }, "%q", name)
	}
}

func TestFromSubdomain(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 63)
	for host, c := range map[string]struct {
		want string
		is   error
	}{
		"acme.example.com":             {"acme", nil},
		"acme.example.com:8080":        {"acme", nil},
		"acme.example.com:":            {"acme", nil}, // RFC 3986 §3.2.3 allows it
		"acme.example.com.":            {"acme", nil},
		"acme.example.com.:443":        {"acme", nil},
		"ACME.Example.COM":             {"acme", nil},
		"a-1.example.com":              {"a-1", nil},
		"0.example.com":                {"0", nil},
		acmeUUID + ".example.com":      {acmeUUID, nil},
		label + ".example.com":         {label, nil},
		"example.com.example.com":      {"", tenant.ErrInvalidID},
		"com.example.com.":             {"com", nil},
		"www.acme.example.com":         {"", tenant.ErrInvalidID},
		label + "a.example.com":        {"", tenant.ErrInvalidID},
		"-acme.example.com":            {"", tenant.ErrInvalidID},
		"acme-.example.com":            {"", tenant.ErrInvalidID},
		"ac_me.example.com":            {"", tenant.ErrInvalidID},
		"*.example.com":                {"", tenant.ErrInvalidID},
		".example.com":                 {"", tenant.ErrInvalidID},
		"acme..example.com":            {"", tenant.ErrInvalidID},
		"acme/../other.example.com":    {"", tenant.ErrInvalidID},
		"acme%2eother.example.com":     {"", tenant.ErrInvalidID},
		"acme,other.example.com":       {"", tenant.ErrInvalidID},
		"user@acme.example.com":        {"", tenant.ErrInvalidID},
		"xn--80ak6aa92e.example.com":   {"", tenant.ErrInvalidID},
		"XN--80ak6aa92e.example.com":   {"", tenant.ErrInvalidID},
		"\u0430cme.example.com":        {"", tenant.ErrInvalidID},
		"\u212aelvin.example.com":      {"", tenant.ErrInvalidID}, // strings.ToLower says "kelvin"
		"acme\u3002example.com":        {"", tenant.ErrInvalidID}, // a full stop to IDNA
		"acme.example.com..":           {"", tenant.ErrInvalidID},
		"acme.example.com:http":        {"", tenant.ErrInvalidID},
		"acme.example.com:-1":          {"", tenant.ErrInvalidID},
		"acme.example.com:808080":      {"", tenant.ErrInvalidID},
		"acme.example.com:80:80":       {"", tenant.ErrInvalidID},
		"evil:80@acme.example.com":     {"", tenant.ErrInvalidID},
		"evil.com:80.acme.example.com": {"", tenant.ErrInvalidID},
		"acme.example.com\r\nX: y":     {"", tenant.ErrInvalidID},
		"acme\x00.example.com":         {"", tenant.ErrInvalidID},
		"ac me.example.com":            {"", tenant.ErrInvalidID},
		".":                            {"", tenant.ErrInvalidID},
		":80":                          {"", tenant.ErrInvalidID},
		"[::1":                         {"", tenant.ErrInvalidID},
		"[::1]x":                       {"", tenant.ErrInvalidID},
		"[::1]80":                      {"", tenant.ErrInvalidID},
		"[::1]:x":                      {"", tenant.ErrInvalidID},
		"::1":                          {"", tenant.ErrInvalidID},
		strings.Repeat("a.", 1<<19):    {"", tenant.ErrInvalidID},
		"":                             {"", tenant.ErrNoTenant},
		"example.com":                  {"", tenant.ErrNoTenant},
		"EXAMPLE.com.:80":              {"", tenant.ErrNoTenant},
		"acmeexample.com":              {"", tenant.ErrNoTenant},
		"acme.example.com.evil.com":    {"", tenant.ErrNoTenant},
		"acme.example.org":             {"", tenant.ErrNoTenant},
		"com":                          {"", tenant.ErrNoTenant},
		"127.0.0.1":                    {"", tenant.ErrNoTenant},
		"127.0.0.1:8080":               {"", tenant.ErrNoTenant},
		"[::1]":                        {"", tenant.ErrNoTenant},
		"[::1]:8080":                   {"", tenant.ErrNoTenant},
		"[acme.example.com]":           {"", tenant.ErrNoTenant},
	} {
		r := request()
		r.Host = host
		for _, h := range []string{"X-Forwarded-Host", "X-Host", "Forwarded", "Host", "X-Original-Host"} {
			r.Header.Set(h, "host=forged.example.com")
		}
		r.URL.Host = "forged.example.com"
		claimed, err := tenant.FromSubdomain("example.com")(r)
		require.ErrorIs(t, err, c.is, "%.80q", host)
		require.Equal(t, c.want, claimed, "%.80q", host)
	}
	for _, base := range []string{
		"", ".", ".example.com", "example.com.", "example..com", "example.com:80", "Example.com", "*.example.com", "https://example.com",
		"[::1]", "exämple.com", "-a.com", strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 200) + "com",
	} {
		require.Panics(t, func() { tenant.FromSubdomain(base) }, "%q", base)
	}
	r := request()
	r.Host = "acme.localhost:8080"
	requireClaim(t, tenant.FromSubdomain("localhost"), r, "acme", nil)
}

func TestFromPath(t *testing.T) {
	t.Parallel()
	resolve := tenant.FromPath("org")
	through := func(pattern, target string) (claimed string, err error) {
		mux := http.NewServeMux()
		mux.HandleFunc(pattern, func(_ http.ResponseWriter, r *http.Request) { claimed, err = resolve(r) })
		mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, nil))
		return claimed, err
	}
	for name, c := range map[string]struct {
		pattern, target, want string
		is                    error
	}{
		"one segment":       {"/orgs/{org}/x", "/orgs/acme/x", "acme", nil},
		"as written":        {"/orgs/{org}/x", "/orgs/ACME/x", "ACME", nil},
		"dots":              {"/orgs/{org}/x", "/orgs/%2e%2e/x", "..", nil}, // the Membership knows no such tenant
		"slash":             {"/orgs/{org}/x", "/orgs/acme%2fother/x", "acme/other", nil},
		"no wildcard":       {"/about", "/about", "", tenant.ErrNoTenant},
		"another wildcard":  {"/orgs/{organization}", "/orgs/acme", "", tenant.ErrNoTenant},
		"empty rest":        {"/orgs/{org...}", "/orgs/", "", tenant.ErrNoTenant},
		"line end":          {"/orgs/{org}/x", "/orgs/acme%0d%0a/x", "", tenant.ErrInvalidID},
		"NUL":               {"/orgs/{org}/x", "/orgs/acme%00/x", "", tenant.ErrInvalidID},
		"not ASCII":         {"/orgs/{org}/x", "/orgs/%d0%b0cme/x", "", tenant.ErrInvalidID},
		"not UTF-8":         {"/orgs/{org}/x", "/orgs/%ff/x", "", tenant.ErrInvalidID},
		"too long":          {"/orgs/{org}/x", "/orgs/" + strings.Repeat("a", 254) + "/x", "", tenant.ErrInvalidID},
		"blank":             {"/orgs/{org}/x", "/orgs/%20/x", "", tenant.ErrInvalidID},
		"query in the path": {"/orgs/{org}/x", "/orgs/acme%3forg=other/x?org=other", "acme?org=other", nil},
	} {
		claimed, err := through(c.pattern, c.target)
		require.ErrorIs(t, err, c.is, name)
		require.Equal(t, c.want, claimed, name)
	}

	_, err := resolve(request())
	require.EqualError(t, err, "tenant: FromPath outside of a route: no pattern has been matched")
	require.NotErrorIs(t, err, tenant.ErrNoTenant, "First must not go on")
	set := request()
	set.SetPathValue("org", "acme") // another router
	requireClaim(t, resolve, set, "acme", nil)
	require.Panics(t, func() { tenant.FromPath("") })
}

func TestFromClaim(t *testing.T) {
	t.Parallel()
	type key struct{}
	resolve := tenant.FromClaim(func(ctx context.Context) (string, error) {
		s, ok := ctx.Value(key{}).(string)
		if !ok {
			return "ignored", errDown
		}
		return s, nil
	})
	with := func(v any) *http.Request { return request().WithContext(context.WithValue(t.Context(), key{}, v)) }
	requireClaim(t, resolve, with("acme"), "acme", nil)
	requireClaim(t, resolve, with(""), "", tenant.ErrNoTenant)
	requireClaim(t, resolve, with("a b"), "", tenant.ErrInvalidID)
	requireClaim(t, resolve, with(strings.Repeat("a", 254)), "", tenant.ErrInvalidID)
	requireClaim(t, resolve, with([]string{"acme"}), "", errDown)
	require.Panics(t, func() { tenant.FromClaim(nil) })
}

func TestFirst(t *testing.T) {
	t.Parallel()
	none, acme, other := says("", tenant.ErrNoTenant), says("acme", nil), says("other", nil)
	for name, c := range map[string]struct {
		sources []tenant.Resolver
		want    string
		is      error
	}{
		"one":                    {[]tenant.Resolver{acme}, "acme", nil},
		"the first":              {[]tenant.Resolver{acme, none}, "acme", nil},
		"the second":             {[]tenant.Resolver{none, acme}, "acme", nil},
		"equal":                  {[]tenant.Resolver{acme, none, acme}, "acme", nil},
		"none":                   {[]tenant.Resolver{none, none}, "", tenant.ErrNoTenant},
		"two":                    {[]tenant.Resolver{acme, other}, "", tenant.ErrConflict},
		"two, apart":             {[]tenant.Resolver{none, acme, none, other}, "", tenant.ErrConflict},
		"two spellings":          {[]tenant.Resolver{acme, says("ACME", nil)}, "", tenant.ErrConflict},
		"conflict in the first":  {[]tenant.Resolver{says("", tenant.ErrConflict), acme}, "", tenant.ErrConflict},
		"conflict in the second": {[]tenant.Resolver{acme, says("", tenant.ErrConflict)}, "", tenant.ErrConflict},
		"malformed first":        {[]tenant.Resolver{says("", tenant.ErrInvalidID), acme}, "", tenant.ErrInvalidID},
		"malformed second":       {[]tenant.Resolver{acme, says("", tenant.ErrInvalidID)}, "", tenant.ErrInvalidID},
		"outage first":           {[]tenant.Resolver{says("", errDown), acme}, "", errDown},
		"outage second":          {[]tenant.Resolver{acme, says("", errDown)}, "", errDown},
		"failed look-up":         {[]tenant.Resolver{says("", failedLookUp), acme}, "", failedLookUp},
		"claim beside an error":  {[]tenant.Resolver{says("acme", tenant.ErrNoTenant), none}, "", tenant.ErrNoTenant},
		"empty without an error": {[]tenant.Resolver{says("", nil), acme}, "acme", nil},
		"custom, not visible":    {[]tenant.Resolver{says("a\x00", nil), acme}, "", tenant.ErrInvalidID},
		"custom, too long":       {[]tenant.Resolver{acme, says(strings.Repeat("a", 254), nil)}, "", tenant.ErrInvalidID},
		"nested":                 {[]tenant.Resolver{tenant.First(none, none), tenant.First(none, acme)}, "acme", nil},
		"nested conflict":        {[]tenant.Resolver{none, tenant.First(acme, other)}, "", tenant.ErrConflict},
		"nested disagreement":    {[]tenant.Resolver{tenant.Agree(other, none), acme}, "", tenant.ErrConflict},
		"nested silence":         {[]tenant.Resolver{tenant.Agree(none, none), acme}, "acme", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireClaim(t, tenant.First(c.sources...), request(), c.want, c.is)
		})
	}
	require.PanicsWithValue(t, "tenant: First: no Resolver", func() { tenant.First() })
	require.PanicsWithValue(t, "tenant: First: source 2 is nil", func() { tenant.First(acme, nil) })
}

func TestAgree(t *testing.T) {
	t.Parallel()
	none, acme, other := says("", tenant.ErrNoTenant), says("acme", nil), says("other", nil)
	for name, c := range map[string]struct {
		sources []tenant.Resolver
		want    string
		is      error
	}{
		"one":              {[]tenant.Resolver{acme}, "acme", nil},
		"all":              {[]tenant.Resolver{acme, acme, acme}, "acme", nil},
		"one differs":      {[]tenant.Resolver{acme, acme, other}, "", tenant.ErrConflict},
		"first differs":    {[]tenant.Resolver{other, acme, acme}, "", tenant.ErrConflict},
		"first missing":    {[]tenant.Resolver{none, acme}, "", tenant.ErrConflict},
		"last missing":     {[]tenant.Resolver{acme, none}, "", tenant.ErrConflict},
		"all missing":      {[]tenant.Resolver{none, none}, "", tenant.ErrNoTenant},
		"all empty":        {[]tenant.Resolver{says("", nil), says("", nil)}, "", tenant.ErrNoTenant},
		"malformed":        {[]tenant.Resolver{acme, says("", tenant.ErrInvalidID)}, "", tenant.ErrInvalidID},
		"outage":           {[]tenant.Resolver{acme, says("", errDown)}, "", errDown},
		"failed look-up":   {[]tenant.Resolver{says("", failedLookUp), none}, "", failedLookUp},
		"custom, too long": {[]tenant.Resolver{says(strings.Repeat("a", 254), nil)}, "", tenant.ErrInvalidID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireClaim(t, tenant.Agree(c.sources...), request(), c.want, c.is)
		})
	}
	require.PanicsWithValue(t, "tenant: Agree: no Resolver", func() { tenant.Agree() })
	require.PanicsWithValue(t, "tenant: Agree: source 1 is nil", func() { tenant.Agree(nil, acme) })
}

func FuzzFromHeader(f *testing.F) {
	f.Add("acme", "", false)
	f.Add("acme", "acme", true)
	f.Add("acme,other", "", false)
	f.Add("a\r\nb", "", false)
	f.Add(strings.Repeat("a", 254), "", false)
	f.Fuzz(func(t *testing.T, one, two string, second bool) {
		r := request()
		r.Header["X-Tenant-Id"] = []string{one}
		if second {
			r.Header.Add("X-Tenant-ID", two)
		}
		claimed, err := tenant.FromHeader("X-Tenant-ID")(r)
		requireAnswer(t, claimed, err)
		if err == nil {
			require.False(t, second)
			require.Equal(t, one, claimed, "read as written or not at all")
			require.NotContains(t, claimed, ",")
		}
	})
}

func FuzzFromSubdomain(f *testing.F) {
	for _, host := range []string{
		"acme.example.com", "ACME.example.com.:80", "[::1]:80", "a.b.example.com", "example.com", "xn--a.example.com", "\u212a.example.com",
		"acme.example.com.evil.com", "evil:80@acme.example.com", ":", ".", "[", "",
	} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		r := request()
		r.Host = host
		claimed, err := tenant.FromSubdomain("example.com")(r)
		requireAnswer(t, claimed, err)
		if err != nil {
			return
		}
		require.Regexp(t, `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`, claimed)
		rest, ok := strings.CutPrefix(strings.ToLower(host), claimed+".example.com")
		require.True(t, ok, "%q is %q", host, claimed)
		require.Regexp(t, `^\.?(:[0-9]{0,5})?$`, rest)
		r.Host = strings.ToUpper(host) // the same host
		again, err := tenant.FromSubdomain("example.com")(r)
		require.NoError(t, err)
		require.Equal(t, claimed, again)
	})
}

func FuzzFirstAndAgree(f *testing.F) {
	f.Add("acme", "acme", "acme")
	f.Add("", "acme", "")
	f.Add("acme", "", "other")
	f.Add("acme", "a\x00", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		sources := []tenant.Resolver{says(a, nil), says(b, nil), says(c, nil)}
		claims := map[string]bool{}
		for _, s := range []string{a, b, c} {
			if s != "" {
				claims[s] = true
			}
		}
		claimed, err := tenant.First(sources...)(request())
		requireAnswer(t, claimed, err)
		require.True(t, err != nil || len(claims) == 1 && claims[claimed], "all that were made are the same")
		claimed, err = tenant.Agree(sources...)(request())
		requireAnswer(t, claimed, err)
		require.True(t, err != nil || claimed == a && a == b && b == c)
	})
}

// requireAnswer requires what every resolver of the package promises.
func requireAnswer(t *testing.T, claimed string, err error) {
	t.Helper()
	if err != nil {
		require.Empty(t, claimed)
		require.True(t, errors.Is(err, tenant.ErrNoTenant) || errors.Is(err, tenant.ErrConflict) || errors.Is(err, tenant.ErrInvalidID))
		return
	}
	require.Regexp(t, `^[!-~]{1,253}$`, claimed)
}
