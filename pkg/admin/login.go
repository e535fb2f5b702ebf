package admin

import (
	"crypto/sha256"
	"net/http"
	"strings"
)

func (h *handlers) loginPage(w http.ResponseWriter, r *http.Request) {
	h.showLogin(w, http.StatusOK, target(r.URL.Query().Get("to")), "")
}

func (h *handlers) showLogin(w http.ResponseWriter, code int, to, wrong string) {
	h.render(w, code, "login", view{Title: "Log in", Wrong: wrong, Body: to})
}

// login takes the token and opens a session.
func (h *handlers) login(w http.ResponseWriter, r *http.Request) {
	to := target(r.PostFormValue("to"))
	token := h.File().Admin.Token.Reveal()
	if h.guesses.of(r).Tokens() < 1 {
		w.Header().Set("Retry-After", "10")
		h.showLogin(w, http.StatusTooManyRequests, to, "Too many wrong tokens. Try again in ten seconds.")
		return
	}
	want := sha256.Sum256([]byte(token))
	if token == "" || !same(strings.TrimSpace(r.PostFormValue("token")), want) {
		h.guesses.of(r).Allow()
		h.showLogin(w, http.StatusForbidden, to, "That is not the token.")
		return
	}
	h.sessions.open(w, r, want)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (h *handlers) logout(w http.ResponseWriter, r *http.Request) {
	h.sessions.close(w, r)
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// target keeps a way back within this listener.
func target(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}
