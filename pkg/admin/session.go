package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

// sessions are the browsers that have shown the token. A session is for this
// process, and only for as long as the token stays what it was.
type sessions struct {
	mu    sync.Mutex // guards known
	known map[[32]byte]session
}

type session struct {
	token [32]byte // hash of the token that opened it
	ends  time.Time
}

const (
	sessionCookie = "shiplog_session"
	sessionLasts  = 12 * time.Hour
	maxSessions   = 256
)

func newSessions() *sessions { return &sessions{known: make(map[[32]byte]session)} }

// open starts a session and gives it to the browser. Only a hash is kept.
func (s *sessions) open(w http.ResponseWriter, r *http.Request, token [32]byte) {
	id := rand.Text()
	now := time.Now()
	s.mu.Lock()
	for key, one := range s.known {
		if now.After(one.ends) {
			delete(s.known, key)
		}
	}
	for key := range s.known {
		if len(s.known) < maxSessions {
			break
		}
		delete(s.known, key)
	}
	s.known[sha256.Sum256([]byte(id))] = session{token: token, ends: now.Add(sessionLasts)}
	s.mu.Unlock()
	http.SetCookie(w, cookie(r, id, int(sessionLasts/time.Second)))
}

// holds says whether a request belongs to a session that the token, by its hash,
// still allows.
func (s *sessions) holds(r *http.Request, token [32]byte) bool {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.known[sha256.Sum256([]byte(c.Value))]
	return ok && one.token == token && time.Now().Before(one.ends)
}

// close ends the session of a request.
func (s *sessions) close(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		delete(s.known, sha256.Sum256([]byte(c.Value)))
		s.mu.Unlock()
	}
	http.SetCookie(w, cookie(r, "", -1))
}

// cookie is out of reach for scripts and for other sites. It is not for HTTPS
// alone where the listener is plain HTTP, which on loopback is the default.
func cookie(r *http.Request, value string, age int) *http.Cookie {
	return &http.Cookie{ // #nosec G124 -- Secure wherever there is TLS
		Name: sessionCookie, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	}
}
