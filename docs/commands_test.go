package docs_test

import (
	"bytes"
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func lineName(n int) string { return strconv.Itoa(n) }

// ours tells a block of our own commands.
var ours = regexp.MustCompile(`^(agent|go run \./cmd/agent|make) `)

// Every block of our own commands in a page is run, in the order of the page and
// in a directory of its own with the sample events, unless a comment before it
// says why it cannot be: <!-- not run: needs a cluster -->. make is looked up
// only, since this test is part of what it runs.
func TestCommandsInPagesRun(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh here")
	}
	run := 0
	all := pages(t)
	for _, page := range slices.Sorted(maps.Keys(all)) {
		var todo []block
		for _, b := range blocks(page, all[page]) {
			if b.lang == "sh" && ours.MatchString(b.text) && !strings.HasPrefix(b.mark, "not run: ") {
				todo = append(todo, b)
			}
		}
		if len(todo) == 0 {
			continue
		}
		run += len(todo)
		t.Run(page, func(t *testing.T) {
			dir := workplace(t)
			for _, b := range todo {
				runBlock(t, dir, b)
			}
		})
	}
	if run < 10 {
		t.Errorf("ran %d blocks: the test looks in the wrong place", run)
	}
}

// workplace makes a directory as a reader has it who followed the quickstart:
// the examples, a config named shiplog.yaml, and its events shipped. A line that
// is no event makes a dead letter.
func workplace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "configs"), os.DirFS(filepath.Join(root, "configs"))); err != nil {
		t.Fatal(err)
	}
	anyPort(t, filepath.Join(dir, "configs", "quickstart.yaml"))
	write(t, filepath.Join(dir, "in", "broken.jsonl"), "this is no JSON\n")
	write(t, filepath.Join(dir, "shiplog.yaml"), `
data_dir: data
sources:
  spool: {type: spool, paths: ["configs/samples/*.jsonl", "in/*.jsonl"]}
sinks:
  archive: {type: file, path: out/audit.jsonl}
admin: {listen: ""}
`)
	sh(t, dir, "agent run --once")
	return dir
}

// anyPort lets a config that says nothing of the admin listener take any port:
// the usual one may be in use here.
func anyPort(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write(t, name, string(text)+"\nadmin: {listen: 127.0.0.1:0}\n")
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func runBlock(t *testing.T, dir string, b block) {
	t.Helper()
	text := strings.ReplaceAll(b.text, "go run ./cmd/agent", "agent")
	text = strings.ReplaceAll(text, "\\\n", " ")
	for _, line := range strings.Split(text, "\n") {
		command, _, _ := strings.Cut(line, "  #")
		command = strings.TrimSpace(command)
		verb, rest, _ := strings.Cut(command, " ")
		switch {
		case command == "" || strings.HasPrefix(command, "#"):
		case verb == "make":
			knownTarget(t, b, rest)
		case strings.HasPrefix(command, "agent run") && !strings.Contains(command, "--once"):
			runUntilShipped(t, dir, command)
		default:
			sh(t, dir, command)
		}
	}
}

func sh(t *testing.T, dir, command string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", command)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", command, err, out)
	}
}

// runUntilShipped starts an agent that does not end by itself, stops it as a
// user does once it has shown something, and wants it to end well.
func runUntilShipped(t *testing.T, dir, command string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", "exec "+command)
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	shown := &firstLines{enough: 50, reached: cancel}
	var told bytes.Buffer
	cmd.Stdout, cmd.Stderr = shown, &told
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		t.Fatalf("%s: %v\n%s", command, err, told.String())
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("%s: exit code %d\n%s", command, code, told.String())
	}
	if !shown.done {
		t.Errorf("%s: showed %d events only\n%s", command, shown.lines, told.String())
	}
	if bytes.Contains(told.Bytes(), []byte("WARN")) || bytes.Contains(told.Bytes(), []byte("ERROR")) {
		t.Errorf("%s: warns on a first run:\n%s", command, told.String())
	}
}

// firstLines counts lines, and calls reached once there are enough.
type firstLines struct {
	enough, lines int
	reached       func()
	done          bool
}

func (w *firstLines) Write(p []byte) (int, error) {
	w.lines += bytes.Count(p, []byte("\n"))
	if !w.done && w.lines >= w.enough {
		w.done = true
		w.reached()
	}
	return len(p), nil
}

func knownTarget(t *testing.T, b block, target string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:`).Match(text) {
		t.Errorf("%s:%d: the Makefile has no target %q", b.page, b.line, target)
	}
}
