package transport

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

func newRequest(t *testing.T) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestBodyReadsBackAsOftenAsSent(t *testing.T) {
	text := strings.Repeat("an event\n", 1000)
	for _, compression := range []string{"gzip", "none"} {
		t.Run(compression, func(t *testing.T) {
			bodies, err := NewBodies(compression)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 { // from the pool, too
				b := bodies.New()
				io.WriteString(b, text)
				for range 2 {
					req := newRequest(t)
					if err := b.Attach(req); err != nil {
						t.Fatal(err)
					}
					if got := plain(t, req); got != text {
						t.Errorf("read back %d bytes, want %d", len(got), len(text))
					}
					if req.ContentLength != int64(b.Len()) || b.Plain() != len(text) {
						t.Errorf("lengths %d, %d, %d", req.ContentLength, b.Len(), b.Plain())
					}
				}
				b.Release()
			}
		})
	}
}

func plain(t *testing.T, req *http.Request) string {
	t.Helper()
	defer req.Body.Close()
	var r io.Reader = req.Body
	if req.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if r, err = gzip.NewReader(r); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A request that is still being sent keeps its body, although its maker has
// given it up and made others.
func TestReleasedBodyLivesWhileItIsSent(t *testing.T) {
	bodies, err := NewBodies("none")
	if err != nil {
		t.Fatal(err)
	}
	first := bodies.New()
	io.WriteString(first, "first")
	req := newRequest(t)
	if err := first.Attach(req); err != nil {
		t.Fatal(err)
	}
	first.Release()
	second := bodies.New()
	io.WriteString(second, "second")
	defer second.Release()
	if got := plain(t, req); got != "first" {
		t.Errorf("got %q, want first", got)
	}
	req.Body.Close() // again: must not release twice
}

func TestNewBodiesRefusesUnknownCompression(t *testing.T) {
	if _, err := NewBodies("zip"); err == nil {
		t.Error("no error")
	}
}
