package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
)

const hidden = "***"

// Secret is a text that never shows: it prints, logs and marshals as ***. Its
// zero value is an empty secret. Copies share what they cached; all methods may
// be called from many goroutines.
type Secret struct{ s *secret }

type secret struct {
	parts []part // variables are resolved already; files stay references

	mu    sync.Mutex // guards what follows
	text  string
	stats []os.FileInfo // of the files among parts, when text was read
}

// NewSecret makes a secret of a text as it is, without interpolation.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&secret{text: text}}
}

// parseSecret resolves a template's variables, reads its files once, and keeps
// the references to files.
func parseSecret(template string) (Secret, error) {
	parts, err := parseTemplate(template)
	if err != nil {
		return Secret{}, err
	}
	var errs []error
	files := false
	for i, p := range parts {
		if p.file != "" {
			files = true
			continue
		}
		text, err := p.resolve()
		errs = append(errs, err)
		parts[i] = part{text: text}
	}
	if err := errors.Join(errs...); err != nil {
		return Secret{}, err
	}
	s := &secret{parts: parts}
	stats, _ := s.stat()
	text, err := s.read()
	if err != nil {
		return Secret{}, err
	}
	if !files {
		return NewSecret(text), nil
	}
	s.text, s.stats = text, stats
	return Secret{s}, nil
}

// Reveal returns the secret's current text. A secret from ${file:…} is read
// again when its file has changed, so that credentials rotate without a
// restart: ask each time, keep nothing. While the file cannot be read or is
// empty, as in the middle of a rotation, the last text stands.
func (s Secret) Reveal() string {
	if s.s == nil {
		return ""
	}
	return s.s.reveal()
}

func (s *secret) reveal() string {
	if s.parts == nil {
		return s.text
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stats, err := s.stat()
	if err != nil || slices.EqualFunc(stats, s.stats, Unchanged) {
		return s.text
	}
	if text, err := s.read(); err == nil && text != "" {
		s.text, s.stats = text, stats
	}
	return s.text
}

func (s *secret) stat() ([]os.FileInfo, error) {
	var stats []os.FileInfo
	for _, p := range s.parts {
		if p.file == "" {
			continue
		}
		info, err := os.Stat(p.file)
		if err != nil {
			return nil, err
		}
		stats = append(stats, info)
	}
	return stats, nil
}

func (s *secret) read() (string, error) {
	var b strings.Builder
	for _, p := range s.parts {
		text, err := p.resolve()
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// IsZero tells whether the secret is empty now.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

func (s Secret) shown() string {
	if s.s == nil {
		return ""
	}
	return hidden
}

// String gives ***, or nothing for a secret that is not set.
func (s Secret) String() string { return s.shown() }

// GoString gives *** to %#v.
func (s Secret) GoString() string { return s.shown() }

// Format gives *** to every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.shown()) }

// MarshalJSON gives "***".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.shown() + `"`), nil }

// MarshalText gives ***.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.shown()), nil }

// MarshalYAML gives ***.
func (s Secret) MarshalYAML() (any, error) { return s.shown(), nil }

// LogValue gives *** to slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.shown()) }
