package hectest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/sinks/splunkhec/hectest"
)

const channel = "8d2f0a4e-1c3b-4d5e-8f60-718293a4b5c6"

type answer struct {
	Code   int             `json:"code"`
	AckID  *int            `json:"ackId"`
	Number *int            `json:"invalid-event-number"`
	Acks   map[string]bool `json:"acks"`
	status int
}

func post(t *testing.T, s *hectest.Server, path, body string, header ...string) answer {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	a := answer{status: w.Code}
	json.Unmarshal(w.Body.Bytes(), &a)
	return a
}

// The table of what a collector refuses, and with which code.
func TestAnswers(t *testing.T) {
	const event, good = "/services/collector/event", `{"event":"x","index":"a"}`
	token := []string{"Authorization", "Splunk tok"}
	for _, c := range []struct {
		name, path, body string
		header           []string
		ack              bool
		status, code, n  int
		accepted         int
	}{
		{"good", event, good, token, false, 200, 0, -1, 1},
		{"several", event, good + good + "\n" + good, token, false, 200, 0, -1, 3},
		{"no token", event, good, nil, false, 401, 2, -1, 0},
		{"bearer", event, good, []string{"Authorization", "Bearer tok"}, false, 401, 3, -1, 0},
		{"wrong token", event, good, []string{"Authorization", "Splunk no"}, false, 403, 4, -1, 0},
		{"no data", event, "", token, false, 400, 5, -1, 0},
		{"not JSON", event, good + "x", token, false, 400, 6, 1, 1},
		{"unknown key", event, good + `{"event":"x","idx":"a"}` + good, token, false, 400, 6, 1, 1},
		{"bad time", event, `{"event":"x","time":"noon"}`, token, false, 400, 6, 0, 0},
		{"wrong index", event, `{"event":"x","index":"b"}`, token, false, 400, 7, -1, 0},
		{"no event", event, `{"index":"a"}`, token, false, 400, 12, 0, 0},
		{"blank event", event, `{"event":" "}`, token, false, 400, 13, 0, 0},
		{"nested fields", event, `{"event":"x","fields":{"a":{"b":"c"}}}`, token, false, 400, 15, 0, 0},
		{"number in fields", event, `{"event":"x","fields":{"a":1}}`, token, false, 400, 15, 0, 0},
		{"no channel", event, good, token, true, 400, 10, -1, 0},
		{"bad channel", event, good, append(token, "X-Splunk-Request-Channel", "1"), true, 400, 11, -1, 0},
		{"no acks", "/services/collector/ack", `{"acks":[0]}`, token, false, 400, 14, -1, 0},
		{"no such path", "/services/other", good, token, false, 404, 404, -1, 0},
		{"deflate", event, good, append(token, "Content-Encoding", "deflate"), false, 415, 0, -1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := hectest.New(hectest.Config{Token: "tok", Indexes: []string{"a"}, Ack: c.ack})
			a := post(t, s, c.path, c.body, c.header...)
			n := -1
			if a.Number != nil {
				n = *a.Number
			}
			if a.status != c.status || a.Code != c.code || n != c.n || len(s.Events()) != c.accepted {
				t.Errorf("status %d, code %d, number %d, %d accepted; want %d, %d, %d, %d",
					a.status, a.Code, n, len(s.Events()), c.status, c.code, c.n, c.accepted)
			}
		})
	}
}

// An id is counted per channel from 0, told true once, and then forgotten, as
// all are at a restart.
func TestAcknowledgements(t *testing.T) {
	s := hectest.New(hectest.Config{Token: "tok", Ack: true, AckPolls: 1})
	header := []string{"Authorization", "Splunk tok", "X-Splunk-Request-Channel", channel}
	for want := range 2 {
		if a := post(t, s, "/services/collector/event", `{"event":"x"}`, header...); a.AckID == nil || *a.AckID != want {
			t.Fatalf("id %v, want %d", a.AckID, want)
		}
	}
	for i, want := range []bool{false, true, false} {
		if a := post(t, s, "/services/collector/ack", `{"acks":[0]}`, header...); a.Acks["0"] != want {
			t.Errorf("poll %d: %v, want %v", i, a.Acks["0"], want)
		}
	}
	s.Restart()
	for range 2 {
		if a := post(t, s, "/services/collector/ack", `{"acks":[1]}`, header...); a.Acks["1"] {
			t.Error("an id outlived the restart")
		}
	}
}
