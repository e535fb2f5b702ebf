package cloudtest

import (
	"net/http"
	"regexp"
	"strconv"
)

// What follows the events of a page.
var (
	total = regexp.MustCompile(`"total": \d+`)         //nolint:gochecknoglobals // a constant
	next  = regexp.MustCompile(`"next_page": "[^"]*"`) //nolint:gochecknoglobals // a constant
)

// Fault is what goes wrong with one answer.
type Fault struct {
	before func(w http.ResponseWriter, r *http.Request) (answered bool)
	after  func(w http.ResponseWriter, page []byte)
	repeat bool
}

// None is no fault.
var None = Fault{} //nolint:gochecknoglobals // a constant

// Status answers with a status and a body of JSON.
func Status(code int) Fault {
	return Fault{before: func(w http.ResponseWriter, _ *http.Request) bool {
		writeJSON(w, code, detail(http.StatusText(code)))
		return true
	}}
}

// TooMany answers 429 with a Retry-After in seconds.
func TooMany(seconds float64) Fault {
	return Fault{before: func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", strconv.FormatFloat(seconds, 'f', -1, 64))
		writeJSON(w, http.StatusTooManyRequests, detail("Orchestration API rate limit reached"))
		return true
	}}
}

// HTML answers 200 with a proxy's page.
func HTML() Fault {
	return Fault{before: func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><body>Please log in to the network</body></html>"))
		return true
	}}
}

// Truncated breaks off in the middle of a page.
func Truncated() Fault {
	return Fault{after: func(w http.ResponseWriter, page []byte) {
		w.Header().Set("Content-Length", strconv.Itoa(len(page)))
		_, _ = w.Write(page[:len(page)/2]) // #nosec G705 -- JSON, for a test
		panic(http.ErrAbortHandler)
	}}
}

// Reset hangs up without an answer.
func Reset() Fault {
	return Fault{before: func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }}
}

// Stalled begins an answer and never ends it.
func Stalled() Fault {
	return Fault{after: func(w http.ResponseWriter, page []byte) {
		_, _ = w.Write(page[:len(page)/2]) // #nosec G705 -- JSON, for a test
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
	}, before: nil}.hold()
}

// hold keeps the connection after the answer's beginning until the client goes.
func (f Fault) hold() Fault {
	begin := f.after
	var gone <-chan struct{}
	f.before = func(_ http.ResponseWriter, r *http.Request) bool {
		gone = r.Context().Done()
		return false
	}
	f.after = func(w http.ResponseWriter, page []byte) {
		begin(w, page)
		<-gone
	}
	return f
}

// RepeatedCursor gives the cursor of the page itself as that of the next.
func RepeatedCursor() Fault { return Fault{repeat: true} }

// NoTotal gives pages that do not say how many events there are.
func NoTotal() Fault {
	return Fault{after: func(w http.ResponseWriter, page []byte) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(total.ReplaceAll(page, []byte(`"total": 0`))) // #nosec G705 -- as above
	}}
}

// NoNext gives a page that says it is the last.
func NoNext() Fault {
	return Fault{after: func(w http.ResponseWriter, page []byte) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(next.ReplaceAll(page, []byte(`"next_page": null`))) // #nosec G705 -- as above
	}}
}

// ForeignCursor gives a next page at another host.
func ForeignCursor(host string) Fault {
	return Fault{after: func(w http.ResponseWriter, page []byte) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(foreign(page, host)) // #nosec G705 -- as above
	}}
}
