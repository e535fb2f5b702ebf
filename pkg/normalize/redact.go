package normalize

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shiplog/shiplog/pkg/config"
)

// redact takes the values of fields out of an event, wherever they stand in it:
// in the field, in any other field, within longer texts, in the record's text.
// event.hash is then that of the text that is kept.
type redact struct {
	fields []string
	with   string
	key    config.Secret
}

const mask = "***"

func compileRedact(s config.Section) (processor, error) {
	var c struct {
		Fields []string      `yaml:"fields"`
		With   string        `yaml:"with"`
		Key    config.Secret `yaml:"key"`
	}
	c.With = "mask"
	if err := s.Decode(&c); err != nil {
		return nil, err
	}
	var errs []error
	if len(c.Fields) == 0 {
		errs = append(errs, s.Problem("fields", "must name at least one field, such as user.email"))
	}
	for _, name := range c.Fields {
		if e := checkField(s, "fields", name); e != nil {
			errs = append(errs, e)
		}
	}
	switch c.With {
	case "mask", "remove":
	case "hash":
		if c.Key.Reveal() == "" {
			errs = append(errs, s.Problem("key", "is needed to hash: without one, values could be found by trying"))
		}
	default:
		e := s.Problem("with", "%q is none of hash, mask, remove", c.With)
		e.Near = config.Nearest(c.With, []string{"hash", "mask", "remove"})
		errs = append(errs, e)
	}
	return &redact{fields: c.Fields, with: c.With, key: c.Key}, config.Join(errs...)
}

func (r *redact) kind() string { return "redact" }

func (r *redact) process(d *draft) (keep bool, err error) {
	t, err := d.decoded()
	if err != nil {
		return true, err
	}
	secrets := r.secrets(t)
	if len(secrets) == 0 {
		return true, nil
	}
	original := t.text("event.original")
	if redacted := redactRecord(original, secrets); redacted != original {
		d.event.Hash = sha256.Sum256([]byte(redacted))
		t.set("event.original", redacted)
		t.set("event.hash", hex.EncodeToString(d.event.Hash[:]))
	}
	hide(t, "", secrets)
	if r.with == "remove" {
		for _, name := range r.fields {
			t.remove(name)
		}
	}
	d.dirty = true
	return true, nil
}

// A secret is a value to take out, and what to write instead.
type secret struct {
	value, lower string
	instead      string
}

// secrets collects the values of the fields, the longest first, so that one that
// is part of another does not spoil it.
func (r *redact) secrets(t tree) []secret {
	values := map[string]bool{}
	for _, name := range r.fields {
		v, _ := t.get(name)
		collect(v, values)
	}
	delete(values, "")
	list := make([]secret, 0, len(values))
	for value := range values {
		list = append(list, secret{value, lowerASCII(value), r.replacement(value)})
	}
	slices.SortFunc(list, func(a, b secret) int {
		if n := len(b.value) - len(a.value); n != 0 {
			return n
		}
		return strings.Compare(a.value, b.value)
	})
	return list
}

func collect(v any, into map[string]bool) {
	switch v := v.(type) {
	case string:
		into[v] = true
	case json.Number:
		into[string(v)] = true
	case int:
		into[json.Number(string(appendValue(nil, v))).String()] = true
	case []any:
		for _, one := range v {
			collect(one, into)
		}
	default:
		if below, ok := object(v); ok {
			for _, one := range below {
				collect(one, into)
			}
		}
	}
}

func (r *redact) replacement(value string) string {
	switch r.with {
	case "hash":
		mac := hmac.New(sha256.New, []byte(r.key.Reveal()))
		mac.Write([]byte(value))
		return hex.EncodeToString(mac.Sum(nil))
	case "mask":
		return mask
	default:
		return ""
	}
}

// hide replaces secrets in all names and values below t. What is at path and
// would not be valid there any more goes.
func hide(t tree, path string, secrets []secret) {
	for _, name := range slices.Collect(maps.Keys(t)) {
		below := strings.TrimPrefix(path+"."+name, ".")
		if stays(below) {
			continue
		}
		v := hideValue(t[name], below, secrets)
		if v == nil && t[name] != nil {
			delete(t, name)
			continue
		}
		t[name] = v
		if strings.HasPrefix(below, "prefect.") || strings.HasPrefix(below, "shiplog.") || strings.HasPrefix(below, "labels.") {
			if other := replace(name, secrets); other != name {
				delete(t, name)
				t[other] = v
			}
		}
	}
}

// stays reports whether a field holds only what the agent itself made, or what
// was treated before.
func stays(path string) bool {
	switch path {
	case "event.original", "event.hash", "event.id", "event.kind", "event.category", "event.type", "event.action",
		"event.outcome", "event.severity", "event.module", "event.dataset", "event.provider", "event.created",
		"@timestamp", "ecs", "service", "observer", "shiplog.source":
		return true
	default:
		return false
	}
}

func hideValue(v any, path string, secrets []secret) any {
	switch v := v.(type) {
	case string:
		redacted := replace(v, secrets)
		if redacted != v && (redacted == "" || isIP(path) && !validIP(redacted)) {
			return nil
		}
		return redacted
	case json.Number:
		for _, s := range secrets {
			if string(v) == s.value {
				if fieldType(path) == "number" {
					return nil
				}
				return s.instead
			}
		}
		return v
	case []any:
		list := make([]any, 0, len(v))
		for _, one := range v {
			if one == nil {
				list = append(list, nil)
				continue
			}
			if one = hideValue(one, path, secrets); one != nil {
				list = append(list, one)
			}
		}
		if len(list) == 0 && len(v) > 0 {
			return nil
		}
		return list
	default:
		if below, ok := object(v); ok {
			hide(below, path, secrets)
			if len(below) == 0 {
				return nil
			}
		}
		return v
	}
}

// A value shorter than this is replaced only where it stands as a word of its
// own: "al" must not spoil every "also".
const wordLength = 6

// replace takes the secrets out of a text, whatever their case.
func replace(text string, secrets []secret) string {
	for _, s := range secrets {
		lower := lowerASCII(text)
		var b strings.Builder
		done := 0
		for i := 0; ; {
			n := strings.Index(lower[i:], s.lower)
			if n < 0 {
				break
			}
			i += n
			end := i + len(s.lower)
			if len(s.value) < wordLength && !isWord(text, i, end) {
				i++
				continue
			}
			b.WriteString(text[done:i])
			b.WriteString(s.instead)
			i, done = end, end
		}
		if done > 0 {
			b.WriteString(text[done:])
			text = b.String()
		}
	}
	return text
}

// isWord reports whether no letter or digit touches text[from:to].
func isWord(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	inWord := func(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	return !inWord(before) && !inWord(after)
}

// lowerASCII lowers A to Z, which keeps all offsets.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r | 0x20
		}
		return r
	}, s)
}

// redactRecord takes the secrets out of a record's text. In JSON each string is
// looked at by what it says, however it is escaped, so that none hides behind
// an escape and the record stays JSON.
func redactRecord(raw string, secrets []secret) string {
	s := scanner{b: []byte(raw)}
	if s.space(); s.i == len(s.b) {
		return raw
	}
	if s.skip(); !s.end() {
		return replace(raw, secrets)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(s.b); {
		switch c := s.b[i]; {
		case c == '"':
			s.i = i
			t := text(s.str())
			said := string(t.appendPlain(nil))
			if redacted := replace(said, secrets); redacted != said {
				out = appendString(out, redacted)
			} else {
				out = append(out, s.b[i:s.i]...)
			}
			i = s.i
		case c == '-' || c-'0' <= 9:
			s.i = i
			s.number()
			out = appendRedactedNumber(out, s.b[i:s.i], secrets)
			i = s.i
		default:
			out = append(out, c)
			i++
		}
	}
	return string(out)
}

func appendRedactedNumber(dst, number []byte, secrets []secret) []byte {
	for _, s := range secrets {
		if string(number) == s.value {
			return appendString(dst, s.instead)
		}
	}
	return append(dst, number...)
}
