package admin

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestStream(t *testing.T) {
	b := newBench(t, options{})
	server := httptest.NewServer(b.handler)
	defer server.Close()
	for query, event := range map[string]string{"": "status", "?view=page": "view"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/stream"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
			t.Errorf("the type is %q", kind)
		}
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)
		for range 2 {
			var got []string
			for lines.Scan() && lines.Text() != "" {
				got = append(got, lines.Text())
			}
			if len(got) != 2 || got[0] != "event: "+event {
				t.Fatalf("got %q", got)
			}
			if data, ok := strings.CutPrefix(got[1], "data: "); !ok || !json.Valid([]byte(data)) {
				t.Errorf("no JSON: %.100s", got[1])
			}
		}
		_ = resp.Body.Close()
	}
}

func TestOnlySoManyMayWatch(t *testing.T) {
	b := newBench(t, options{})
	for range maxStreams {
		b.h.streams <- struct{}{}
	}
	if got := b.get("/api/stream").Code; got != http.StatusTooManyRequests {
		t.Errorf("got %d", got)
	}
}

// Who logs out sees no more.
func TestAStreamEndsWithItsSession(t *testing.T) {
	b := newBench(t, options{token: secretToken})
	session := b.form("/login", "token="+secretToken).Result().Cookies()[0]
	server := httptest.NewServer(b.handler)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(session)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("got %s", resp.Status)
	}
	b.form("/logout", "", "Cookie", session.Name+"="+session.Value)
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Errorf("the stream ended with %v", err)
	}
}
