package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// hardened sets what every answer needs so that a browser does nothing with it
// that we did not mean: nothing from elsewhere, nothing inline, no frames, no
// sinks that make markup of text.
func hardened(next http.Handler) http.Handler {
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // no-referrer would take the Origin from our own forms
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// local refuses names that are not this machine's on a listener that only this
// machine reaches: a page from elsewhere can have its name resolve to 127.0.0.1
// and would then be of the same origin (DNS rebinding).
func (h *handlers) local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocal(r.Host) {
			h.refuse(w, r, http.StatusMisdirectedRequest, "this listener answers to localhost only: ask for it by that name or by its address")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLocal(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// authorized asks for the token. Who guesses is slowed down, by address.
func (h *handlers) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch admitted, slow := h.admit(r); {
		case admitted:
			next.ServeHTTP(w, r)
		case slow:
			w.Header().Set("Retry-After", "10")
			h.refuse(w, r, http.StatusTooManyRequests, "too many wrong tokens: try again in ten seconds")
		case wantsPage(r):
			http.Redirect(w, r, "/login?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="shiplog"`)
			h.refuse(w, r, http.StatusUnauthorized, "a token is needed: Authorization: Bearer …")
		}
	})
}

// admit says whether a request holds the token, as a bearer or by a session, or
// that none is needed; slow, that its client has guessed too often to be
// listened to. It compares in constant time: hashes, so that not even the length
// shows.
func (h *handlers) admit(r *http.Request) (admitted, slow bool) {
	secret := h.File().Admin.Token
	if secret.String() == "" { // not set; one that is set and empty lets nobody in
		return true, false
	}
	token := secret.Reveal()
	want := sha256.Sum256([]byte(token))
	if token != "" && h.sessions.holds(r, want) {
		return true, false
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return false, false
	}
	guesses := h.guesses.of(r)
	if guesses.Tokens() < 1 {
		return false, true
	}
	if token != "" && same(given, want) {
		return true, false
	}
	guesses.Allow()
	return false, false
}

func same(given string, want [32]byte) bool {
	got := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}

// wantsPage says whether it is a browser that asks for something to look at.
func wantsPage(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") &&
		!strings.HasPrefix(r.URL.Path, "/api/")
}

// acts lets a request through that changes something: only where the config
// allows it, and only if no other site can have made the browser send it.
func (h *handlers) acts(next http.HandlerFunc) http.HandlerFunc {
	return h.meant(func(w http.ResponseWriter, r *http.Request) {
		if !h.Write {
			h.refuse(w, r, http.StatusForbidden, "this listener is read-only: set admin.write: true to allow it")
			return
		}
		if !h.changes.of(r).Allow() {
			w.Header().Set("Retry-After", "1")
			h.refuse(w, r, http.StatusTooManyRequests, "too many changes: try again in a second")
			return
		}
		next(w, r)
	})
}

// meant refuses what another site can have made a browser send. A JSON body that
// names itself, with a header that no form can set or with the browser's word
// that it comes from our own page; or one of our own forms, by the browser's
// word alone.
func (h *handlers) meant(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		switch kind {
		case "application/json":
			if !ownSite(r) && r.Header.Get("X-Shiplog") == "" && r.Header.Get("Authorization") == "" {
				h.refuse(w, r, http.StatusForbidden, "send the header X-Shiplog: 1, so that no other site can have asked for this")
				return
			}
		case "application/x-www-form-urlencoded":
			if !ownSite(r) {
				h.refuse(w, r, http.StatusForbidden, "this form was not sent from this page")
				return
			}
		default:
			h.refuse(w, r, http.StatusUnsupportedMediaType, "send Content-Type: application/json")
			return
		}
		if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
			h.refuse(w, r, http.StatusForbidden, "this was asked for by another site")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next(w, r)
	}
}

// maxBody bounds what a request may carry, in bytes.
const maxBody = 1 << 20

// ownSite says whether the browser vouches for the request to come from our own
// page. Browsers leave Sec-Fetch-Site out where there is neither TLS nor
// loopback; the Origin remains.
func ownSite(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	u, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && u.Host != "" && u.Host == r.Host
}
