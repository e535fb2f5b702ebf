package transport

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/fault"
)

const (
	maxWait    = time.Hour // that a server may ask for
	maxRead    = 8 << 10   // bytes of a response that are read for an error
	maxExcerpt = 300       // bytes of it that are shown
)

// ClassifyStatus makes an HTTP answer that is no success a *fault.Error whose
// reason is its status, such as status_503, whose wait is its Retry-After, and
// whose text has the beginning of the body, without secrets of the request. It
// gives nil for 2xx, and otherwise reads from the body but leaves it to the
// caller to close.
//
// The kinds are the usual meaning: 401, 403 and 407 are credentials, 413 is too
// large, 408, 425, 429 and 5xx come again, 400, 409 and 422 refuse the content,
// and what is left is a matter of set-up, such as a wrong path.
func ClassifyStatus(resp *http.Response) error {
	if resp.StatusCode/100 == 2 {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRead)) // as much as there is
	text := strings.TrimSpace(strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode))
	if req := resp.Request; req != nil {
		text = req.Method + " " + cleanURL(req.URL) + ": " + text
	}
	if shown := Excerpt(body, secretsOf(resp.Request)...); shown != "" {
		text += ": " + shown
	}
	return &fault.Error{
		Kind:   kindOf(resp.StatusCode),
		Reason: "status_" + strconv.Itoa(resp.StatusCode),
		After:  RetryAfter(resp.Header, time.Now()),
		Err:    fmt.Errorf("%s", text), //nolint:err113 // the text is the whole fact
	}
}

func kindOf(status int) fault.Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return fault.Credentials
	case http.StatusRequestEntityTooLarge:
		return fault.TooLarge
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return fault.Retry
	case http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity:
		return fault.Refused
	}
	if status >= 300 && status < 500 {
		return fault.Setup
	}
	return fault.Retry
}

// RetryAfter reads how long a server asks us to wait: seconds, whole or not, or
// an HTTP date (RFC 9110, section 10.2.3). It is 0 where there is no such wish,
// and an hour at most.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		if s != s || s <= 0 {
			return 0
		}
		return time.Duration(min(s, maxWait.Seconds()) * float64(time.Second))
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), maxWait)
}

// Excerpt is the beginning of a response as one line of valid text, for an
// error. Each of the secrets in it becomes ***.
func Excerpt(body []byte, secrets ...string) string {
	text := strings.ToValidUTF8(string(body), "�")
	for _, s := range secrets {
		if len(s) >= 4 { // shorter ones would only blacken words
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxExcerpt {
		return text
	}
	cut := maxExcerpt
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// secretsOf lists what a request carried that must not be shown, even when the
// server repeats it.
func secretsOf(req *http.Request) []string {
	if req == nil {
		return nil
	}
	var all []string
	if password, ok := req.URL.User.Password(); ok {
		all = append(all, password)
	}
	for _, name := range []string{"Authorization", "Proxy-Authorization", "X-Api-Key", "Cookie"} {
		value := req.Header.Get(name)
		if value == "" {
			continue
		}
		all = append(all, value)
		if _, credential, ok := strings.Cut(value, " "); ok {
			all = append(all, credential)
			if plain, err := base64.StdEncoding.DecodeString(credential); err == nil {
				_, secret, _ := strings.Cut(string(plain), ":")
				all = append(all, string(plain), secret)
			}
		}
	}
	return all
}
