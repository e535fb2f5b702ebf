// Package shiplog_test holds the rules of the repository that can be tests.
package shiplog_test

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"os"
)

const module = "github.com/shiplog/shiplog/"

// levels is the order of docs/ARCHITECTURE.md: a package may import packages of
// a lower level, and those of its own level that sameLevel names.
var levels = []struct {
	prefix string
	level  int
}{
	{"pkg/event", 0}, {"pkg/fault", 0}, {"pkg/atomicfile", 0}, {"pkg/config", 0}, {"pkg/metrics", 0},
	{"pkg/leaktest", 0},
	{"pkg/catalog", 1}, {"pkg/ecsdoc", 1},
	{"pkg/filter", 2}, {"pkg/encode", 2}, {"pkg/transport", 2}, {"pkg/journal", 2}, {"pkg/deadletter", 2},
	{"pkg/normalize", 3}, {"pkg/search", 3},
	{"pkg/pipeline", 4},
	{"pkg/admin", 5},
	{"pkg/agent", 6},
	{"cmd/agent", 7},
}

// An end is a source or a sink: it knows the words, its contract and transport,
// and nothing that stands above them.
var endMayImport = []string{"pkg/event", "pkg/fault", "pkg/atomicfile", "pkg/config", "pkg/transport", "pkg/leaktest"}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list named %d packages: the test looks in the wrong place", len(all))
	}
	return all
}

func ours(path string) (string, bool) { return strings.CutPrefix(path, module) }

func levelOf(path string) int {
	for _, l := range levels {
		if path == l.prefix || strings.HasPrefix(path, l.prefix+"/") {
			return l.level
		}
	}
	return -1
}

func isEnd(path string) bool {
	return strings.HasPrefix(path, "pkg/sources") || strings.HasPrefix(path, "pkg/sinks")
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range packages(t) {
		path, ok := ours(p.ImportPath)
		if !ok {
			continue
		}
		for _, imported := range p.Imports {
			dep, ok := ours(imported)
			if !ok {
				continue
			}
			if isEnd(path) {
				checkEnd(t, path, dep)
				continue
			}
			checkLevel(t, path, dep)
		}
	}
}

func checkEnd(t *testing.T, path, dep string) {
	t.Helper()
	side := strings.Join(strings.Split(path, "/")[:2], "/") // pkg/sources or pkg/sinks
	for _, may := range endMayImport {
		if dep == may {
			return
		}
	}
	switch {
	case dep == side, strings.HasPrefix(dep, path+"/"), strings.HasSuffix(path, "test"):
	case dep == "pkg/sinks/datepath" && side == "pkg/sinks": // the pattern in paths and index names
	default:
		t.Errorf("%s imports %s: a source or sink imports its contract, the words and transport only", path, dep)
	}
}

func checkLevel(t *testing.T, path, dep string) {
	t.Helper()
	own := levelOf(path)
	if own < 0 {
		t.Errorf("%s has no level: add it to the list here and to docs/ARCHITECTURE.md", path)
		return
	}
	if isEnd(dep) {
		if contract := dep == "pkg/sources" || dep == "pkg/sinks"; own < 4 || !contract && own < 6 {
			t.Errorf("%s imports %s: only the pipeline knows the contracts, and only the assembly the kinds", path, dep)
		}
		return
	}
	if levelOf(dep) >= own && !strings.HasPrefix(dep, path) && !strings.HasPrefix(path, dep) {
		t.Errorf("%s (level %d) imports %s (level %d): imports point down", path, own, dep, levelOf(dep))
	}
}

func goFiles(t *testing.T, each func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "tools" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		each(path, text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A test that sleeps is slow when it passes and flaky when it does not.
func TestNoTestSleeps(t *testing.T) {
	sleep := regexp.MustCompile(`\btime\.Sleep\(`)
	goFiles(t, func(path string, text []byte) {
		if !strings.HasSuffix(path, "_test.go") || sleep.Find(text) == nil {
			return
		}
		if strings.Contains(string(text), `"testing/synctest"`) {
			return // inside a bubble time is not real
		}
		t.Errorf("%s sleeps: wait for the thing itself, or use testing/synctest", path)
	})
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	said := map[string]bool{}
	goFiles(t, func(path string, text []byte) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Error(err)
			return
		}
		dir := filepath.Dir(path)
		said[dir] = said[dir] || f.Doc != nil
	})
	for dir, ok := range said {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}
