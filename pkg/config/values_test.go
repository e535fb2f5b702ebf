package config_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/shiplog/shiplog/pkg/config"
)

func TestDuration(t *testing.T) {
	for _, tt := range []struct {
		text string
		want time.Duration
		err  string
	}{
		{"0", 0, ""},
		{"500ms", 500 * time.Millisecond, ""},
		{"1h30m", 90 * time.Minute, ""},
		{"72h", 72 * time.Hour, ""},
		{"7d", 7 * 24 * time.Hour, ""},
		{"1d12h", 36 * time.Hour, ""},
		{"0.5d", 12 * time.Hour, ""},
		{" 5s ", 5 * time.Second, ""},
		{"30", 0, `"30" has no unit; write 30s for seconds`},
		{"", 0, "an empty text is not a duration; write one such as 30s"},
		{"-1s", 0, `"-1s" is negative; a duration is at least 0`},
		{"5w", 0, `"5w" is not a duration; write one such as 500ms, 30s, 1h30m or 7d`},
		{"1d-2h", 0, `"1d-2h" is not a duration; write one such as 500ms, 30s, 1h30m or 7d`},
		{"d", 0, `"d" is not a duration; write one such as 500ms, 30s, 1h30m or 7d`},
		{"106751d106751d", 0, `"106751d106751d" is longer than 292 years`},
		{"9999999999d", 0, `"9999999999d" is not a duration; write one such as 500ms, 30s, 1h30m or 7d`},
	} {
		got, err := config.ParseDuration(tt.text)
		if time.Duration(got) != tt.want || text(err) != tt.err {
			t.Errorf("%q: got %s, %v; want %s, %s", tt.text, got, err, tt.want, tt.err)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		text string
		want config.Size
		err  string
	}{
		{"0", 0, ""},
		{"1234", 1234, ""},
		{"10B", 10, ""},
		{"64MiB", 64 << 20, ""},
		{"1.5 GiB", 3 << 29, ""},
		{"4KiB", 4 << 10, ""},
		{"64MB", 0, `"64MB" is not a size; write 64MiB`},
		{"10k", 0, `"10k" is not a size; write 10KiB`},
		{"5TiB", 0, `"5TiB" is not a size; write bytes, or a number with KiB, MiB or GiB`},
		{"1.5", 0, `"1.5" is not a size; write bytes, or a number with KiB, MiB or GiB`},
		{"-1", 0, `"-1" is negative; a size is at least 0`},
		{"9999999999GiB", 0, `"9999999999GiB" is larger than any disk`},
		{"", 0, `"" is not a size; write bytes, or a number with KiB, MiB or GiB`},
		{"MiB", 0, `"MiB" is not a size; write bytes, or a number with KiB, MiB or GiB`},
	} {
		got, err := config.ParseSize(tt.text)
		if got != tt.want || text(err) != tt.err {
			t.Errorf("%q: got %d, %v; want %d, %s", tt.text, got, err, tt.want, tt.err)
		}
	}
}

// What is printed reads back as the same value.
func TestValuesReadBack(t *testing.T) {
	for _, d := range []time.Duration{0, time.Millisecond, time.Second, 90 * time.Second, time.Hour, 72 * time.Hour, 10 * time.Minute, time.Hour + time.Second} {
		s := config.Duration(d).String()
		if back, err := config.ParseDuration(s); time.Duration(back) != d || err != nil {
			t.Errorf("%s prints as %s, which reads as %s, %v", d, s, back, err)
		}
	}
	for _, n := range []config.Size{0, 1, 1023, 1024, 1536, 64 << 20, 10 << 30, 10<<30 + 1} {
		if back, err := config.ParseSize(n.String()); back != n || err != nil {
			t.Errorf("%d prints as %s, which reads as %d, %v", int64(n), n, int64(back), err)
		}
	}
}

func TestSecretNeverShows(t *testing.T) {
	s := config.NewSecret("hunter2")
	holder := struct{ Token config.Secret }{s}
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "secret", s, "in", holder, "pointer", &s)
	for _, shown := range []string{
		s.String(), string(asJSON), string(asYAML), log.String(),
		fmt.Sprint(s, holder, &holder), fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, s, s),
		fmt.Sprintf("%+v %#v", holder, holder), fmt.Errorf("with %v", s).Error(),
	} {
		if strings.Contains(shown, "hunter2") || strings.Contains(shown, fmt.Sprintf("%x", "hunter2")) || !strings.Contains(shown, "***") {
			t.Errorf("got %s", shown)
		}
	}
	if s.Reveal() != "hunter2" || s.IsZero() {
		t.Error("it cannot be used")
	}
	if empty := (config.Secret{}); empty.Reveal() != "" || !empty.IsZero() || empty.String() != "" {
		t.Error("the zero secret is not empty")
	}
}

func TestSecretRotates(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(text string, age time.Duration) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write(" first\n", 4*time.Hour)
	var c struct {
		Token config.Secret `yaml:"token"`
	}
	if err := section(t, "token: Bearer ${file:"+file+"}").Decode(&c); err != nil {
		t.Fatal(err)
	}
	expect := func(when, want string) {
		t.Helper()
		if got := c.Token.Reveal(); got != want {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
	}
	expect("at first", "Bearer first")
	write("other", 3*time.Hour)
	expect("changed in place", "Bearer other")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	expect("while it is away", "Bearer other")
	write("newer", 2*time.Hour)
	expect("replaced", "Bearer newer")
}

// Kubernetes mounts secrets as a link to a directory that is swapped.
func TestSecretFollowsASwappedLink(t *testing.T) {
	dir := t.TempDir()
	at := time.Now().Add(-time.Hour)
	for _, v := range []string{"one", "two"} {
		file := filepath.Join(dir, v, "token")
		if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(v), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(dir, "data")
	if err := os.Symlink("one", link); err != nil {
		t.Fatal(err)
	}
	var token config.Secret
	if err := section(t, "${file:"+filepath.Join(link, "token")+"}").Decode(&token); err != nil {
		t.Fatal(err)
	}
	if got := token.Reveal(); got != "one" {
		t.Fatalf("got %q, want one", got)
	}
	next := filepath.Join(dir, "next")
	if err := os.Symlink("two", next); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, link); err != nil {
		t.Fatal(err)
	}
	if got := token.Reveal(); got != "two" {
		t.Errorf("after the swap: got %q, want two", got)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"urls", "api_key", "username", "password", "data_stream", "max_events"}
	for name, want := range map[string]string{
		"url": "urls", "apikey": "api_key", "user": "username", "passwrod": "password",
		"datastream": "data_stream", "MAX_EVENTS": "max_events", "zzz": "", "x": "", "": "",
	} {
		if got := config.Nearest(name, known); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func FuzzDuration(f *testing.F) {
	f.Add("1d12h")
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := config.ParseDuration(s); err == nil && d < 0 {
			t.Errorf("%q: got %s", s, d)
		}
		if n, err := config.ParseSize(s); err == nil && n < 0 {
			t.Errorf("%q: got %d", s, n)
		}
	})
}

func BenchmarkRevealFromFile(b *testing.B) {
	file := filepath.Join(b.TempDir(), "token")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		b.Fatal(err)
	}
	s, err := config.ParseSection("", []byte("${file:"+file+"}"))
	if err != nil {
		b.Fatal(err)
	}
	var token config.Secret
	if err := s.Decode(&token); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if token.Reveal() != "x" {
			b.Fatal("not x")
		}
	}
}
