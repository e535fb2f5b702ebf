package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/shiplog/shiplog/pkg/agent"
)

const convertRecord = `{"id":"e%d","event":"prefect-cloud.api-key.created","occurred":"2026-11-02T08:11:25Z","resource":{"prefect.resource.id":"prefect-cloud.api-key.r1"}}`

func TestConvert(t *testing.T) {
	good := fmt.Sprintf(convertRecord, 1)
	long := `{"event":"x","payload":"` + strings.Repeat("a", 5<<20) + `"}`
	tests := map[string]struct {
		in, to string
		lines  int
		failed int
		errors []string
		out    string
	}{
		"raw":              {good + "\n", "raw", 1, 0, nil, good + "\n"},
		"no end":           {good + "\n" + good, "raw", 2, 0, nil, good + "\n" + good + "\n"},
		"carriage returns": {good + "\r\n" + good + "\r\n", "raw", 2, 0, nil, good + "\n" + good + "\n"},
		"blank lines":      {"\n\n" + good + "\n \n", "raw", 1, 0, nil, good + "\n"},
		"one bad":          {good + "\n{broken\n" + good + "\n[]\n", "raw", 2, 2, []string{"line 2: not_json: ", "line 4: "}, good + "\n" + good + "\n"},
		"too long":         {long + "\n" + good + "\n", "raw", 1, 1, []string{"line 1: the line is longer than 4 MiB"}, good + "\n"},
		"long":             {`{"event":"x","payload":"` + strings.Repeat("a", 1<<20) + `"}`, "ecs", 1, 0, nil, ""},
		"ocsf":             {good, "ocsf", 1, 0, nil, ""},
		"nothing":          {"", "cef", 0, 0, nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			failed, err := agent.Convert(t.Context(), strings.NewReader(tt.in), &out, &errOut, "prefect", tt.to)
			if err != nil || failed != tt.failed {
				t.Errorf("Convert = %d, %v; want %d", failed, err, tt.failed)
			}
			if n := bytes.Count(out.Bytes(), []byte("\n")); n != tt.lines {
				t.Errorf("got %d lines, want %d", n, tt.lines)
			}
			if tt.out != "" && out.String() != tt.out {
				t.Errorf("got  %s\nwant %s", out.String(), tt.out)
			}
			got := strings.Split(strings.TrimSuffix(errOut.String(), "\n"), "\n")
			for i, want := range tt.errors {
				if i >= len(got) || !strings.HasPrefix(got[i], want) {
					t.Errorf("errors are %q, want %q", got, tt.errors)
				}
			}
		})
	}
}

func TestConvertUnknownNames(t *testing.T) {
	for _, names := range [][2]string{{"syslog", "ecs"}, {"prefect", "xml"}} {
		_, err := agent.Convert(t.Context(), strings.NewReader(""), io.Discard, io.Discard, names[0], names[1])
		if err == nil {
			t.Errorf("Convert from %s to %s gave no error", names[0], names[1])
		}
	}
}

func TestConvertStops(t *testing.T) {
	good := fmt.Sprintf(convertRecord, 1) + "\n"
	broken := errors.New("broken")
	if _, err := agent.Convert(t.Context(), io.MultiReader(strings.NewReader(good), iotest.ErrReader(broken)), io.Discard, io.Discard, "prefect", "ecs"); !errors.Is(err, broken) {
		t.Errorf("a broken input gave %v", err)
	}
	if _, err := agent.Convert(t.Context(), strings.NewReader(good), failingWriter{broken}, io.Discard, "prefect", "ecs"); !errors.Is(err, broken) {
		t.Errorf("a broken output gave %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := agent.Convert(ended, strings.NewReader(good), io.Discard, io.Discard, "prefect", "ecs"); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context gave %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// An event is out as soon as its line is in, for whoever looks on through a pipe.
func TestConvertAnswersEachLine(t *testing.T) {
	in, feed := io.Pipe()
	out, answer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := agent.Convert(t.Context(), in, answer, io.Discard, "prefect", "raw")
		done <- err
	}()
	for i := range 3 {
		line := fmt.Sprintf(convertRecord, i) + "\n"
		if _, err := io.WriteString(feed, line); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(line))
		if _, err := io.ReadFull(out, got); err != nil || string(got) != line {
			t.Fatalf("got %s, %v", got, err)
		}
	}
	if err := feed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Memory does not grow with the input.
func TestConvertInConstantMemory(t *testing.T) {
	in := &endless{line: []byte(fmt.Sprintf(convertRecord, 1) + "\n"), left: 20000}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if failed, err := agent.Convert(t.Context(), in, io.Discard, io.Discard, "prefect", "cef"); failed != 0 || err != nil {
		t.Fatalf("Convert = %d, %v", failed, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
}

// endless gives a line again and again.
type endless struct {
	line []byte
	left int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	e.left--
	return copy(p, e.line), nil
}
