package admin

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func TestPagesNeedNoScript(t *testing.T) {
	b := newBench(t, options{write: true})
	putLetters(t, b)
	for target, wants := range map[string][]string{
		"/":                        {"shelf", "journal", "Completeness", "Replay"},
		"/events":                  {"API key created", "alice", "User logged in"},
		"/events?actor=alice":      {"API key created"},
		"/events/1":                {"Normalized (ECS)", "prefect-cloud.api-key.created", "alice@example.com"},
		"/events/1?format=ocsf":    {"class_uid"},
		"/events/1?format=raw":     {"prefect.resource.id"},
		"/deadletters":             {"mapping", "too_large", "Retry", "Drop"},
		"/deadletters?owner=shelf": {"no such field"},
		"/deadletters/shelf/a":     {"What it holds", "no such field"},
		"/config":                  {"data_dir", "Not reloaded"},
	} {
		w := b.get(target, "Accept", "text/html")
		if w.Code != http.StatusOK {
			t.Errorf("%s: got %d", target, w.Code)
		}
		for _, want := range wants {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s does not say %q", target, want)
			}
		}
	}
}

// What events and letters hold is never markup, and turns no text around.
func TestHostileContentIsHarmless(t *testing.T) {
	b := newBench(t, options{write: true})
	putLetters(t, b)
	for _, target := range []string{
		"/events", "/events/3", "/events/3?format=raw", "/events/3?format=ocsf", "/deadletters?owner=shelf", "/deadletters/shelf/b",
		"/events?text=%3Cscript%3Ealert(3)%3C/script%3E", "/events?since=%22%3E%3Cscript%3Ealert(3)", "/events/%3Cscript%3Ealert(3)",
		"/login?to=%22%3E%3Cscript%3Ealert(3)",
	} {
		body := b.get(target, "Accept", "text/html").Body.String()
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") || strings.Contains(body, "\u202e") {
			t.Errorf("%s lets it through: %s", target, body)
		}
		inline := regexp.MustCompile(`(?i)<[^>]+\s(style|on\w+)=|<style|<script(?: [^>]*)?>[^<]`)
		if found := inline.FindString(body); found != "" {
			t.Errorf("%s has inline %q, which the policy refuses", target, found)
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"plain":           "plain",
		"Grüße, 東京 🙂":     "Grüße, 東京 🙂",
		"a\u202egnp.exe":  "a‹U+202E›gnp.exe",
		"zero\u200bwidth": "zero‹U+200B›width",
		"\x1b[31mred":     "‹U+001B›[31mred",
		"two\nlines\tand": "two\nlines\tand",
		"bad\xffutf8":     "bad‹U+FFFD›utf8",
		"\u2066iso\u2069": "‹U+2066›iso‹U+2069›",
		"line\u2028sep":   "line‹U+2028›sep",
		"tag\U000E0041":   "tag‹U+E0041›",
	} {
		if got := Plain(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestFormsOfThePage(t *testing.T) {
	b := newBench(t, options{write: true})
	putLetters(t, b)
	form := func(values ...string) string {
		v := url.Values{}
		for i := 0; i < len(values); i += 2 {
			v.Set(values[i], values[i+1])
		}
		return v.Encode()
	}
	w := b.form("/deadletters", form("owner", "shelf", "reason", "mapping", "do", "retry"))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "2 accepted, 0 refused again") {
		t.Errorf("retry: %d %s", w.Code, w.Body)
	}
	w = b.form("/deadletters", form("owner", "shelf", "id", "c", "do", "drop"))
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "because is missing") {
		t.Errorf("drop without a reason: %d", w.Code)
	}
	w = b.form("/deadletters", form("owner", "shelf", "id", "c", "do", "drop", "because", "seen"))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "1 dropped") {
		t.Errorf("drop: %d", w.Code)
	}
	w = b.form("/replay", form("sink", "shelf", "since", "2026-11-17T00:00", "until", "2026-11-18T00:00"))
	if w.Code != http.StatusSeeOther {
		t.Fatalf("replay: %d %s", w.Code, w.Body)
	}
	b.h.replays.ended.Wait()
	if body := b.get("/", "Accept", "text/html").Body.String(); !strings.Contains(body, "done: at #") {
		t.Error("the page does not show the replay")
	}
	w = b.form("/replay", form("sink", "shelf"))
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "since is missing") {
		t.Errorf("replay of nothing: %d", w.Code)
	}
	if got := b.form("/verify", "").Code; got != http.StatusSeeOther {
		t.Errorf("verify: %d", got)
	}
}

func TestAssets(t *testing.T) {
	b := newBench(t, options{token: secretToken})
	for name, kind := range map[string]string{"style.css": "text/css", "page.js": "text/javascript", "icon.svg": "image/svg+xml"} {
		w := b.get("/assets/" + name)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), kind) {
			t.Errorf("%s: %d %s", name, w.Code, w.Header().Get("Content-Type"))
		}
		if got := b.get("/assets/"+name, "If-None-Match", w.Header().Get("ETag")).Code; got != http.StatusNotModified {
			t.Errorf("%s again: %d", name, got)
		}
	}
	for _, name := range []string{"layout.html", "nothing.css", "..%2fpage.go"} {
		if got := b.get("/assets/" + name).Code; got != http.StatusNotFound {
			t.Errorf("%s: got %d", name, got)
		}
	}
}
