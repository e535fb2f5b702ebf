package admin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const bearer = "Bearer " + secretToken

func TestTokenIsAskedForByAllButHealth(t *testing.T) {
	b := newBench(t, options{token: secretToken})
	for _, target := range []string{"/metrics", "/api/status", "/api/events", "/api/config", "/api/stream", "/nothing"} {
		if got := b.get(target).Code; got != http.StatusUnauthorized {
			t.Errorf("%s without a token: got %d", target, got)
		}
	}
	if got := b.get("/healthz").Code; got != http.StatusOK {
		t.Errorf("health: got %d", got)
	}
	if got := b.get("/api/status", "Authorization", bearer).Code; got != http.StatusOK {
		t.Errorf("with the token: got %d", got)
	}
	if got := b.get("/api/status", "Authorization", "bearer "+secretToken).Code; got != http.StatusOK {
		t.Errorf("with the scheme in small letters: got %d", got)
	}
	for _, wrong := range []string{"Bearer x", "Bearer ", secretToken, "Basic " + secretToken, bearer + "x"} {
		if got := b.get("/api/status", "Authorization", wrong).Code; got != http.StatusUnauthorized {
			t.Errorf("%q: got %d", wrong, got)
		}
	}
}

func TestGuessingIsSlowedDown(t *testing.T) {
	b := newBench(t, options{token: secretToken})
	codes := map[int]int{}
	for range 15 {
		codes[b.get("/api/status", "Authorization", "Bearer guess").Code]++
	}
	if codes[http.StatusTooManyRequests] == 0 || codes[http.StatusUnauthorized] < 5 {
		t.Errorf("got %v", codes)
	}
}

func TestABrowserLogsIn(t *testing.T) {
	b := newBench(t, options{token: secretToken})
	w := b.get("/events?text=x", "Accept", "text/html")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/login?to=%2Fevents%3Ftext%3Dx" {
		t.Fatalf("without a session: %d to %s", w.Code, w.Header().Get("Location"))
	}
	if w := b.form("/login", "token=wrong"); w.Code != http.StatusForbidden || len(w.Result().Cookies()) > 0 {
		t.Errorf("with a wrong token: %d, cookies %v", w.Code, w.Result().Cookies())
	}
	w = b.form("/login", url.Values{"token": {secretToken}, "to": {"//evil.example/"}}.Encode())
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" || len(cookies) != 1 {
		t.Fatalf("login: %d to %s, cookies %v", w.Code, w.Header().Get("Location"), cookies)
	}
	if c := cookies[0]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || strings.Contains(c.Value, secretToken) {
		t.Errorf("the cookie is %+v", c)
	}
	session := sessionCookie + "=" + cookies[0].Value
	if got := b.get("/", "Cookie", session, "Accept", "text/html").Code; got != http.StatusOK {
		t.Errorf("with a session: got %d", got)
	}
	b.form("/logout", "", "Cookie", session)
	if got := b.get("/api/status", "Cookie", session).Code; got != http.StatusUnauthorized {
		t.Errorf("after logging out: got %d", got)
	}
}

func TestOtherNamesAreRefusedOnLoopback(t *testing.T) {
	near, far := newBench(t, options{}), newBench(t, options{token: secretToken, far: true})
	for host, want := range map[string]int{
		"localhost:9464": 200, "LOCALHOST": 200, "127.0.0.1:9464": 200, "[::1]:9464": 200, "127.0.0.2": 200,
		"evil.example": 421, "evil.example:9464": 421, "localhost.evil.example": 421, "10.0.0.1:9464": 421, "": 421,
	} {
		if got := near.get("/healthz", "Host", host).Code; got != want {
			t.Errorf("%q: got %d, want %d", host, got, want)
		}
	}
	if got := far.get("/healthz", "Host", "agent.example:9464").Code; got != http.StatusOK {
		t.Errorf("not on loopback: got %d", got)
	}
}

func TestNothingChangesWithoutWrite(t *testing.T) {
	b := newBench(t, options{})
	for _, target := range []string{"/api/replay", "/api/reload", "/api/deadletters/retry", "/api/deadletters/drop", "/api/replays/x/stop"} {
		w := b.post(target, `{}`)
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "admin.write") {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	if got := b.form("/config", "").Code; got != http.StatusForbidden {
		t.Errorf("the form: got %d", got)
	}
	if b.reloads != 0 {
		t.Error("it was reloaded")
	}
}

func TestOtherSitesCannotAsk(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		header []string
		want   int
	}{
		"the command line":              {[]string{"Content-Type", "application/json", "X-Shiplog", "1"}, 200},
		"a script with a token":         {[]string{"Content-Type", "application/json", "Authorization", "Bearer any"}, 200},
		"our page's script":             {[]string{"Content-Type", "application/json", "Sec-Fetch-Site", "same-origin"}, 200},
		"JSON that vouches for nothing": {[]string{"Content-Type", "application/json"}, 403},
		"another site's script":         {[]string{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site", "X-Shiplog", "1"}, 403},
		"a neighbour's script":          {[]string{"Content-Type", "application/json", "Sec-Fetch-Site", "same-site", "X-Shiplog", "1"}, 403},
		"text that is JSON":             {[]string{"Content-Type", "text/plain", "Sec-Fetch-Site", "same-origin"}, 415},
		"no type":                       {[]string{"X-Shiplog", "1"}, 415},
		"another site's form":           {[]string{"Content-Type", form, "Sec-Fetch-Site", "cross-site"}, 403},
		"a form without a word":         {[]string{"Content-Type", form}, 403},
		"a form of another origin":      {[]string{"Content-Type", form, "Origin", "http://evil.example"}, 403},
		"a form of no origin":           {[]string{"Content-Type", form, "Origin", "null"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, options{write: true})
			if w := b.request(http.MethodPost, "/api/reload", "{}", c.header...); w.Code != c.want {
				t.Errorf("got %d, want %d: %s", w.Code, c.want, w.Body)
			}
			if (b.reloads > 0) != (c.want == 200) {
				t.Errorf("reloaded %d times", b.reloads)
			}
		})
	}
}

func TestAnOldBrowsersFormIsKnownByItsOrigin(t *testing.T) {
	b := newBench(t, options{write: true})
	w := b.request(http.MethodPost, "/config", "", "Content-Type", "application/x-www-form-urlencoded", "Origin", "http://localhost:9464")
	if w.Code != http.StatusOK || b.reloads != 1 {
		t.Errorf("got %d, %d reloads", w.Code, b.reloads)
	}
}

func TestEveryAnswerIsHardened(t *testing.T) {
	b := newBench(t, options{})
	for _, target := range []string{"/", "/events", "/api/status", "/nothing", "/login", "/assets/page.js", "/healthz"} {
		h := b.get(target, "Accept", "text/html").Header()
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %q", target, policy)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") == "" {
			t.Errorf("%s: %v", target, h)
		}
	}
}

func TestMethodsThatAreNotMeant(t *testing.T) {
	b := newBench(t, options{write: true})
	for target, method := range map[string]string{
		"/api/status": http.MethodPost, "/api/events": http.MethodDelete, "/healthz": http.MethodPut, "/metrics": http.MethodPost,
	} {
		w := b.request(method, target, "{}", "Content-Type", "application/json", "X-Shiplog", "1")
		if w.Code != http.StatusMethodNotAllowed && w.Code != http.StatusNotFound {
			t.Errorf("%s %s: got %d", method, target, w.Code)
		}
	}
	if got := b.get("/api/reload").Code; got == http.StatusOK || b.reloads > 0 {
		t.Errorf("a GET reloads: %d", got)
	}
}

func TestOneClientCannotTakeAll(t *testing.T) {
	b := newBench(t, options{})
	limited := 0
	for range 400 {
		if b.get("/healthz").Code == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited == 0 {
		t.Error("400 requests at once, and none was refused")
	}
	r := httptest.NewRequest(http.MethodGet, "/healthz", nil)
	r.Host, r.RemoteAddr = "localhost", "127.0.0.9:1234"
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("another client: got %d", w.Code)
	}
}

// What is configured as a secret is nowhere in what the listener says.
func TestNoSecretIsTold(t *testing.T) {
	b := newBench(t, options{token: secretToken})
	for _, target := range []string{"/", "/config", "/api/config", "/api/status", "/api/history", "/events", "/deadletters", "/login"} {
		if body := b.get(target, "Authorization", bearer).Body.String(); strings.Contains(body, secretToken) {
			t.Errorf("%s tells the token", target)
		}
	}
}
