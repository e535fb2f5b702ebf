package spool

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shiplog/shiplog/pkg/event"
)

// However the bytes are cut into blocks, the same lines come out, at their
// offsets, and every byte is accounted for.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("a\nb\r\n\n\x00\x00c\xff\nlong line\npartial"), uint8(3))
	f.Add([]byte("\xef\xbb\xbf{}\n"), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		const maxLine = 8
		whole, used := split(nil, data, "f", 0, maxLine)
		if used > 0 && data[used-1] != '\n' && data[used-1] != 0 {
			t.Fatalf("used %d bytes of %q: not at a line's end", used, data)
		}
		for _, r := range whole {
			if bytes.IndexByte(r.Raw, '\n') >= 0 || len(r.Raw) == 0 {
				t.Fatalf("record %q", r.Raw)
			}
			if at := data[r.Origin.Offset:]; !bytes.HasPrefix(bytes.TrimPrefix(at, byteOrderMark), r.Raw) {
				t.Fatalf("record %q is not at its offset %d", r.Raw, r.Origin.Offset)
			}
		}
		var parts []event.Record
		at := 0
		for end := min(int(cut), len(data)); ; end = min(end+int(cut)+1, len(data)) {
			var n int
			parts, n = split(parts, data[at:end], "f", int64(at), maxLine)
			at += n
			if end == len(data) {
				break
			}
		}
		if !slices.EqualFunc(whole, parts, func(a, b event.Record) bool {
			return bytes.Equal(a.Raw, b.Raw) && a.Unreadable == b.Unreadable && a.Origin.Offset == b.Origin.Offset
		}) {
			t.Errorf("in one: %v; in parts of %d: %v", whole, cut, parts)
		}
	})
}

func FuzzBookmark(f *testing.F) {
	b := bookmark{offset: 77, main: inode{1, 2}, gone: 3, bad: 4, path: "/var/spool/audit.jsonl"}
	f.Add(b.append(nil))
	f.Fuzz(func(t *testing.T, v []byte) {
		b, err := parseBookmark(v)
		if err != nil {
			return
		}
		again, err := parseBookmark(b.append(nil))
		if err != nil || again != b {
			t.Errorf("got %+v, %v, want %+v", again, err, b)
		}
	})
}

func TestFamily(t *testing.T) {
	for name, want := range map[string]string{
		"audit.jsonl":                  "audit.jsonl",
		"audit.jsonl.1":                "audit.jsonl",
		"audit.jsonl.12.gz":            "audit.jsonl",
		"audit.jsonl.12.gz.tmp":        "audit.jsonl",
		"audit.jsonl-20261102":         "audit.jsonl",
		"audit.jsonl-20261102-17.zst":  "audit.jsonl",
		"audit-2026-11-02T08.jsonl":    "audit.jsonl",
		"audit.20261102T080000Z.jsonl": "audit.jsonl",
		"audit.jsonl.old":              "audit.jsonl",
		"1.jsonl":                      "1.jsonl",
		"audit.jsonl.tmp":              "audit.jsonl.tmp",
		"other.jsonl":                  "other.jsonl",
	} {
		if got := family(name); got != want {
			t.Errorf("family(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	p := newPlace(t)
	p.write("audit.jsonl", "a\n")
	p.cfg.Paths = []string{p.path("*.jsonl"), p.path("nowhere/*.jsonl")}
	var said []string
	err := p.source(false).Check(t.Context(), func(line string) { said = append(said, line) })
	if err == nil || !strings.Contains(err.Error(), "nowhere does not exist") {
		t.Errorf("got %v, want the missing directory named", err)
	}
	if len(said) != 1 || !strings.HasSuffix(said[0], "*.jsonl: 1 files, 2 bytes") {
		t.Errorf("said %q", said)
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no paths":    func(c *Config) { c.Paths = nil },
		"bad glob":    func(c *Config) { c.Paths = []string{"a["} },
		"no max_line": func(c *Config) { c.MaxLine = 0 },
		"no rescan":   func(c *Config) { c.Rescan = 0 },
		"empty path":  func(c *Config) { c.Paths = []string{""} },
	} {
		c := defaults()
		c.Paths = []string{"*.jsonl"}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func BenchmarkSplit(b *testing.B) {
	data := bytes.Repeat([]byte(`{"filler":"`+strings.Repeat("x", 1060)+"\"}\n"), 1900)
	records := make([]event.Record, 0, maxRecords)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		records, _ = split(records[:0], data, "f", 1, 4<<20)
	}
}

// BenchmarkRead reads 64 MiB from start to end, as after a long stop.
func BenchmarkRead(b *testing.B) {
	line := `{"filler":"` + strings.Repeat("x", 1060) + "\"}\n"
	text := strings.Repeat(line, 64<<20/len(line))
	for name, content := range map[string]string{"plain.jsonl": text, "packed.jsonl.gz": gzipped(text), "packed.jsonl.zst": zstded(text)} {
		b.Run(filepath.Ext(name), func(b *testing.B) {
			p := newPlace(b)

			p.cfg.Paths = []string{p.path("*")}
			p.write(name, content)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				err := p.source(true).Run(b.Context(), nil, func(_ context.Context, records []event.Record, _ event.Position) error {
					n += len(records)
					return nil
				})
				if err != nil || n != len(text)/len(line) {
					b.Fatalf("read %d lines: %v", n, err)
				}
			}
		})
	}
}
