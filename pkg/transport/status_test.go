package transport_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/shiplog/shiplog/pkg/fault"
	"github.com/shiplog/shiplog/pkg/transport"
)

// refusal is what ClassifyStatus makes of an answer.
func refusal(status int, body string, header http.Header) error {
	resp := answer(status, body, header)
	defer resp.Body.Close()
	return transport.ClassifyStatus(resp)
}

func answer(status int, body string, header http.Header) *http.Response {
	req := httptest.NewRequest(http.MethodPost, "https://me:pass-in-url@siem.example/bulk?token=hunter2", nil)
	req.Header.Set("Authorization", "Splunk hunter2-token")
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}
}

func TestClassifyStatus(t *testing.T) {
	for status, want := range map[int]fault.Kind{
		301: fault.Setup, 400: fault.Refused, 401: fault.Credentials, 403: fault.Credentials, 404: fault.Setup,
		405: fault.Setup, 407: fault.Credentials, 408: fault.Retry, 409: fault.Refused, 413: fault.TooLarge,
		415: fault.Setup, 422: fault.Refused, 429: fault.Retry, 500: fault.Retry, 503: fault.Retry, 599: fault.Retry,
	} {
		err := refusal(status, "", nil)
		if fault.KindOf(err) != want || fault.ReasonOf(err) != fmt.Sprintf("status_%d", status) {
			t.Errorf("%d: got %s, %s, want %s", status, fault.KindOf(err), fault.ReasonOf(err), want)
		}
	}
	for _, status := range []int{200, 201, 204} {
		if err := refusal(status, "", nil); err != nil {
			t.Errorf("%d: got %v", status, err)
		}
	}
}

func TestStatusErrorText(t *testing.T) {
	err := refusal(503, "{\"text\": \"busy\",\n \"token\": \"hunter2-token\", \"u\": \"pass-in-url\"}", http.Header{"Retry-After": {"7"}})
	want := `POST https://siem.example/bulk: 503 Service Unavailable: {"text": "busy", "token": "***", "u": "***"}`
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if fault.Wait(err) != 7*time.Second {
		t.Errorf("got a wait of %s, want 7s", fault.Wait(err))
	}
}

func TestBasicPasswordDoesNotShow(t *testing.T) {
	resp := answer(401, "", nil)
	defer resp.Body.Close()
	resp.Request.SetBasicAuth("elastic", "hunter2")
	coded := base64.StdEncoding.EncodeToString([]byte("elastic:hunter2"))
	resp.Body = io.NopCloser(strings.NewReader("no hunter2, no " + coded + ", no elastic:hunter2"))
	if err := transport.ClassifyStatus(resp); strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), coded) {
		t.Errorf("got %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "-5": 0, "nan": 0, "soon": 0,
		"120": 2 * time.Minute, "1.5": 1500 * time.Millisecond, " 3 ": 3 * time.Second,
		"86400": time.Hour, "1e300": time.Hour, "inf": time.Hour,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second,
		"Fri, 02 Jan 2026 03:00:00 GMT": 0,
		"Sat, 03 Jan 2026 03:00:00 GMT": time.Hour,
	} {
		if got := transport.RetryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestExcerpt(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"one line", "a\r\n\tb\x00\x1b[31mc", "a b [31mc"},
		{"not UTF-8", "a\xffb", "a�b"},
		{"secret", "the key is hunter2!", "the key is ***!"},
		{"long", strings.Repeat("é", 400), strings.Repeat("é", 150) + "…"},
		{"empty", " \n", ""},
	} {
		if got := transport.Excerpt([]byte(tt.body), "hunter2", "", "a"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
